//! Personal data as receipts show it: enough to see which of two values is meant, not enough to know it.

/// A name: its first character, and how many follow.
pub fn name(name: &str) -> String {
    masked(name, 1, 0)
}

/// An identity or telephone number: three characters and the last four, when it has enough others.
pub(super) fn number(number: &str) -> String {
    masked(number, 3, 4)
}

/// An address: its beginning, which is province and city, and its last two characters.
pub(super) fn address(address: &str) -> String {
    masked(address, 6, 2)
}

/// The first and last characters, with a star for each other one. At least a third of a value is hidden.
fn masked(value: &str, first: usize, last: usize) -> String {
    let length = value.chars().count();
    let (first, last) =
        if (first + last) * 3 <= length * 2 { (first, last) } else { (first.min(length / 3), 0) };
    let shown = |at: usize| at < first || at >= length - last;
    value.chars().enumerate().map(|(at, c)| if shown(at) { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_a_value_is_hidden() {
        for (shown, text) in [
            (name("张三"), "张*"),
            (name("欧阳修文"), "欧***"),
            (name("李"), "*"),
            (number("11010519491231002X"), "110***********002X"),
            (number("13800000000"), "138****0000"),
            (number("123456789012345"), "123********2345"),
            (address("山东省青岛市崂山区香港东路8号"), "山东省青岛市*******8号"),
            (address("北京市"), "北**"),
            (address(""), ""),
        ] {
            assert_eq!(shown, text);
        }
    }
}
