//! Faults are found in the canonical text and told with the lines of what was sent.

use signature::sign;

use super::firms::{Firms, NOW};

/// Every line that begins with an element says its own number.
const MESSAGE: &str = "<?xml version=\"1.0\"?>

<!-- a comment
     of two lines -->
<l5:a xmlns:l5=\"urn:a\"
   b=\"x
y\"
>
<l9/>
<!-- one -->
<l11>
</l11
>
<l14/><!-- two
lines --><z/>
<l16>&#10;&#10;</l16>
<l17/>
<l18>
</l18>
</l5:a>
";

#[test]
fn lines_are_those_of_the_message() {
    let firms = Firms::new();
    for message in [MESSAGE.to_owned(), MESSAGE.replace('\n', "\r\n")] {
        let signed = sign(message.as_bytes(), &firms.key).expect("signed");
        let verified = firms.verifier.verify(signed.as_bytes(), NOW).expect("verified");
        let mut checked = 0;
        for (line, text) in (1..).zip(verified.canonical.lines()) {
            let Some(rest) = text.strip_prefix("<l") else { continue };
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(verified.lines.original(line).to_string(), number, "{text}");
            checked += 1;
        }
        assert_eq!(checked, 7);
    }
}
