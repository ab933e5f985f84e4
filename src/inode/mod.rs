//! Who is where: inode numbers, names, lookup counts, freshness.
