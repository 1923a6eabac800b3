//! Results for people, in lines that fit a terminal of 80 columns. Lines break between words only.
//!
//! JSON, URLs and commands to copy, progress and errors stay one line each: scripts and people search in them.

use super::output::print_line;

/// The width of a terminal, in columns.
pub(super) const WIDTH: usize = 80;

/// Prints a text, wrapped. The lines after the first begin with this many spaces.
pub(super) fn print_wrapped(text: &str, indent: usize) {
    print_line(&wrap(text, indent));
}

/// Wraps each line of a text. A word that is longer than a line stays whole.
pub(super) fn wrap(text: &str, indent: usize) -> String {
    text.split('\n').map(|line| wrap_line(line, indent)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(text: &str, indent: usize) -> String {
    let mut lines = Vec::new();
    let (mut line, mut has_word) = (String::new(), false);
    for (n, word) in text.split(' ').enumerate() {
        let length = line.chars().count().saturating_add(word.chars().count());
        if has_word && !word.is_empty() && length >= WIDTH {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
        } else if n > 0 {
            // Also between two spaces, so that columns stay.
            line.push(' ');
        }
        line.push_str(word);
        has_word |= !word.is_empty();
    }
    lines.push(line.trim_end().to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_columns_stay() {
        let short = "  source    12  seen 5m ago";
        assert_eq!(wrap(short, 4), short);
        let words = "word ".repeat(40);
        let wrapped = wrap(&format!("  name  {words}"), 8);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH), "{wrapped}");
        assert_eq!(wrapped.lines().nth(1).map(|line| line.find("word")), Some(Some(8)));
        assert_eq!(wrapped.matches("word").count(), 40);
        // 80 columns fit, 81 do not.
        assert_eq!(wrap(&format!("{} b", "a".repeat(78)), 0).lines().count(), 1);
        assert_eq!(wrap(&format!("{} b", "a".repeat(79)), 0).lines().count(), 2);
    }

    #[test]
    fn a_long_word_stays_whole_and_line_breaks_stay() {
        let url = format!("https://{}", "a".repeat(100));
        assert_eq!(wrap(&format!("  see {url} now"), 2), format!("  see\n  {url}\n  now"));
        assert_eq!(wrap("one\n\ntwo", 3), "one\n\ntwo");
    }
}
