//! What an object looks like as a file: attributes in and out of `x-amz-meta-*`.
