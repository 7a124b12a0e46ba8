//! What languages write around a value that says nothing of it: constructors, types, casts, and the literals of lists and
//! maps.
//!
//! It refuses to judge the value.

/// Functions and types that wrap a value and say nothing of it, as languages print optional values, lists and texts.
#[rustfmt::skip]
const CONSTRUCTORS: &[&str] = &[
    "", "Some", "Optional", "OptionalValue", "Option", "Just", "Ok", "Right", "Present", "Value", "of", "ofNullable",
    "String", "string", "str", "bytes", "SecretStr", "SecretString", "Secret", "Sensitive", "Password", "List",
    "ArrayList", "Array", "array", "Set", "HashSet", "Vector", "Seq", "ListBuffer", "ArrayBuffer", "ArraySeq", "Stream",
    "NonEmptyList", "Cow", "Owned", "Borrowed", "Box", "Rc", "Arc", "StringValue", "NullString", "StringValues",
    "text", "atom", "NSString", "byte", "uint8", "bytearray", "memoryview", "SecretBytes", "SecureString", "frozenset",
    "set", "deque", "list", "tuple", "tostring", "tolist", "toset", "sensitive", "nonsensitive", "bool", "int", "float",
];

/// Where the value behind constructors and brackets begins, and the bracket that closes it: `Some("x")`, `Optional[x]`,
/// `[]string{"x"}`, `Just "x"`, `string(5) "x"`, `(string) (len=1) "x"`, `map[string]string{"a":"x"}`, `Array ( [0] => x )`,
/// `{String:x Valid:true}`, `<<"x">>`.
pub(super) fn inside_of_constructors(bytes: &[u8], start: usize) -> (usize, Option<u8>) {
    const NESTED_MAX: usize = 4;
    const NAME_BYTES_MAX: usize = 40;
    let mut at = start;
    let mut bracket = None;
    for _ in 0..NESTED_MAX {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(b"<<") && matches!(rest.get(2), Some(b'"')) {
            at += 2;
            continue;
        }
        const RUBY_SET: &[u8] = b"#<Set: {";
        if rest.starts_with(RUBY_SET) {
            return (at + RUBY_SET.len(), Some(b'}'));
        }
        if let Some(length) = cast(rest) {
            at += length;
            continue;
        }
        if let Some(length) = map_literal(rest) {
            return (at + length, Some(b'}'));
        }
        let path = rest.strip_prefix(b"[]").or_else(|| rest.strip_prefix(b"new ")).unwrap_or(rest);
        let prefix = rest.len() - path.len();
        let length = path
            .iter()
            .take(NAME_BYTES_MAX)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
            .count();
        let name = path[..length].rsplit(|byte| matches!(byte, b'.' | b':')).next().unwrap_or_default();
        let behind = prefix + length;
        if let Some((length, closing)) = of_php(&rest[behind..], name) {
            (at, bracket) = (at + behind + length, closing);
            continue;
        }
        let is_constructor = CONSTRUCTORS.iter().any(|known| known.as_bytes() == name);
        match rest.get(behind) {
            _ if !is_constructor => break,
            Some(b'(') => {
                bracket = Some(b')');
                at += behind + 1;
            }
            Some(b'[') => {
                bracket = Some(b']');
                at += behind + 1;
            }
            Some(b'{') if behind > 0 => {
                bracket = Some(b'}');
                at += behind + 1;
            }
            // Go prints its optional texts as structures.
            Some(b'{') => {
                let field =
                    [&b"{String:"[..], b"{Value:", b"{value="].into_iter().find(|field| rest.starts_with(field));
                let Some(field) = field else { break };
                bracket = Some(b'}');
                at += field.len();
            }
            Some(b' ') if matches!(name, b"Just" | b"Some") => at += behind + 1,
            _ => break,
        }
    }
    (at, bracket)
}

/// The bytes that PHP writes between the name of a type and what is of it, and the bracket that closes it: `string(5) "x"`,
/// `array(1) {`, `array ( 0 => 'x' )`, and `Array` with `( [0] => x )` on the next lines.
fn of_php(bytes: &[u8], name: &[u8]) -> Option<(usize, Option<u8>)> {
    const BLANKS_MAX: usize = 64;
    if !matches!(name, b"string" | b"array" | b"Array") {
        return None;
    }
    if name == b"Array" || bytes.starts_with(b" (") {
        let blanks = bytes.iter().take(BLANKS_MAX).take_while(|byte| byte.is_ascii_whitespace()).count();
        let is_array = name != b"string" && blanks > 0 && bytes.get(blanks) == Some(&b'(');
        return is_array.then_some((blanks + 1, Some(b')')));
    }
    let inside = bytes.strip_prefix(b"(")?;
    let digits = inside.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    match &inside[digits..] {
        [b')', b' ', b'{', ..] => Some((digits + 4, Some(b'}'))),
        [b')', b' ', ..] => Some((digits + 3, None)),
        _ => None,
    }
}

/// The bytes of the type or length in parentheses that Go's spew writes before a value, with the blank behind.
fn cast(bytes: &[u8]) -> Option<usize> {
    const CAST_BYTES_MAX: usize = 48;
    let inside = bytes.strip_prefix(b"(")?;
    let of_cast =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']' | b'=' | b':' | b' ');
    let length = inside.iter().take(CAST_BYTES_MAX).take_while(of_cast).count();
    match &inside[length..] {
        [b')', b' ', b'(' | b'"' | b'\'' | b'`', ..] if length > 0 => Some(length + 3),
        _ => None,
    }
}

/// The bytes before the first entry of Go's `map[string]interface {}{"a":"x"}`.
fn map_literal(bytes: &[u8]) -> Option<usize> {
    const TYPE_BYTES_MAX: usize = 64;
    let behind = bytes.strip_prefix(b"map[")?;
    let of_type = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'*' | b'[' | b']' | b' ');
    let mut at = 0;
    while at < behind.len().min(TYPE_BYTES_MAX) {
        match &behind[at..] {
            [b'{', b'}', b'{', ..] => at += 2,
            [b'{', ..] => return Some(b"map[".len() + at + 1),
            [byte, ..] if of_type(byte) => at += 1,
            _ => return None,
        }
    }
    None
}
