//! How far a long command is: one line on the terminal that is written over; nothing where there is no terminal.

use crate::mount::control::Left;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::time::Duration;

/// The time that has gone by is shown anew so often, although nothing has moved.
const TICK: Duration = Duration::from_millis(500);

/// The line. It is there from the first step on, and gone when this is dropped.
#[derive(Default)]
pub struct Progress(Option<ProgressBar>);

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Progress {
    fn bar(&mut self, template: &str) -> &ProgressBar {
        self.0.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(0).with_style(style.progress_chars("=> "));
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    /// So much is left to be stored; the most that there was is the whole.
    pub fn left(&mut self, left: Left) {
        let bar = self.bar("storing [{bar:30}] {msg}, {elapsed}");
        // A file without bytes, whose attributes are stored, counts as little.
        let weight = left.bytes + left.files as u64;
        let all = bar.length().unwrap_or(0).max(weight);
        bar.set_length(all);
        bar.set_position(all - weight);
        bar.set_message(words(left));
    }

    /// So many of so many, if that is known, are done.
    pub fn done(&mut self, what: &'static str, done: u64, all: Option<u64>) {
        match all.filter(|all| *all >= done) {
            Some(all) => {
                let bar = self.bar("[{bar:30}] {pos} of {len} {msg}, {elapsed}, {eta} left");
                bar.set_length(all);
                bar.set_position(done);
                bar.set_message(what);
            }
            None => {
                let bar = self.bar("{spinner} {pos} {msg}, {elapsed}");
                bar.set_position(done);
                bar.set_message(what);
            }
        }
    }
}

fn words(left: Left) -> String {
    format!("{}, {} left", files(left.files), DecimalBytes(left.bytes))
}

/// So many files, in words.
pub fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_was_left_is_the_whole() {
        let mut progress = Progress::default();
        progress.left(Left { files: 2, bytes: 98 });
        progress.left(Left { files: 4, bytes: 196 });
        progress.left(Left { files: 1, bytes: 49 });
        let bar = progress.0.as_ref().unwrap();
        assert_eq!((bar.length(), bar.position(), bar.message().as_str()), (Some(200), 150, "1 file, 49 B left"));
    }

    #[test]
    fn more_than_was_known_of_is_no_fault() {
        let mut progress = Progress::default();
        progress.done("objects", 5, Some(4));
        assert_eq!(progress.0.as_ref().unwrap().position(), 5);
    }
}
