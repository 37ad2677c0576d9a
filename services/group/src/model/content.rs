//! What a message may say (C1).

use crewup_shared::fields::Fields;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

const LONGEST: usize = 2000;

/// The content of a message, trimmed: 1-2000 Unicode scalar values, no U+0000, something that can be seen.
pub(crate) fn content(fields: &mut Fields, field: &str, value: &str) -> String {
    let value = value.trim();
    if !value.chars().any(is_visible) {
        fields.refuse(field, if value.is_empty() { "is required" } else { "must not be invisible characters only" });
    }
    fields.check(field, !value.contains('\0'), "must not contain U+0000");
    fields.at_most(field, value, LONGEST);
    value.to_owned()
}

/// Whether a character shows anything by itself: no space, control or format character, no mark without a letter, and none
/// of the letters and symbols that are blank by design.
fn is_visible(character: char) -> bool {
    use GeneralCategory::{
        Control, EnclosingMark, Format, LineSeparator, NonspacingMark, ParagraphSeparator, SpaceSeparator,
    };
    let is_blank = matches!(
        character,
        // Hangul fillers, the blank Braille pattern, and what Unicode keeps for default-ignorable characters.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' | '\u{2065}' | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    let category = character.general_category();
    let is_nothing = matches!(
        category,
        Control | Format | SpaceSeparator | LineSeparator | ParagraphSeparator | NonspacingMark | EnclosingMark
    );
    !is_blank && !is_nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut fields = Fields::new();
        let read = content(&mut fields, "content", value);
        fields.done().is_ok().then_some(read)
    }

    #[test]
    fn c1_content_is_counted_in_scalar_values_after_trim() {
        assert_eq!(read(" hi \n"), Some("hi".into()));
        assert!(read(&format!("  {}  ", "é".repeat(2000))).is_some());
        assert!(read(&"🎉".repeat(2000)).is_some(), "8000 bytes");
        assert!(read(&"a".repeat(2001)).is_none());
    }

    #[test]
    fn c1_what_nobody_can_see_is_no_message() {
        for invisible in [
            "",
            " \t\n",
            "\u{200b}",
            "\u{200b}\u{200d} \u{feff}",
            "\u{2060}\u{ad}",
            "\u{202e}",
            "\u{3164}",
            "\u{2800}",
            "\u{e0041}\u{e007f}",
            "\u{fe0f}",
            "\u{300}",
            "\u{85}",
            "\u{7}",
            "\u{115f}\u{1160}",
        ] {
            assert_eq!(read(invisible), None, "{invisible:?}");
        }
        for visible in ["a", ".", "👨\u{200d}👩\u{200d}👧", "\u{200f}שלום", "e\u{301}", "❤\u{fe0f}", "〰"]
        {
            assert_eq!(read(visible).as_deref(), Some(visible));
        }
        assert_eq!(read("a\0b"), None);
    }
}
