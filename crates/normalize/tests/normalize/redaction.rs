//! Secrets in every form that is claimed, through the encoders and nestings that logs come in, and data that only looks
//! like one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use transect_normalize::{KNOWN_SECRETS, Pattern};

use super::*;

/// Text with a secret between `«` and `»`, beside those of the table of values.
const TEXTS: &[&str] = &[
    "login user=bob password=«hunter2» ok",
    "password: «hunter2»",
    "login failed, password: «hunter2», next",
    "password=«ab,REST9»",
    "password=«ab&REST9»",
    "password=«ab'REST9» x",
    "db_pass=«s3cr3tpass» x",
    "PGPASSWORD=«hunter2» psql",
    "passwordConfirmation=«hunter2»",
    "password = b'«hunter2»'",
    "{'password': '«hunter2»', 'n': 1}",
    "user[password]=«hunter2»&commit=1",
    "password[]=«hunter2»",
    "passwords[0]=«hunter2»",
    "[password] => «hunter2»",
    "Authorization: «Basic dXNlcjpodW50ZXIy»",
    "{Accept=*/*, Authorization=«Basic Ym9iOmh1bnRlcjI=», User-Agent=curl/8.1}",
    "Authorization: «Signature keyId=\"k\",algorithm=\"rsa-sha256\",signature=\"abc0123==\"»",
    "authorization: «Digest username=\"bob\", realm=\"r\", nonce=\"0123\", response=\"6629fae49393a053\"»",
    "Cookie: «sid=0123abcd; theme=dark»",
    "Set-Cookie: «session=0123abcd; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly»",
    "https://x.example/?access_token=«abc123def»&b=1",
    "https://x.example/?X-Amz-Signature=«0123456789abcdef0123456789abcdef»&b=1",
    "https://a.blob.example/c?sv=2024&sig=«Abc0123%2FabcdefABCDEF0123456789%3D»&se=1",
    "Server=tcp:x;User ID=sa;Password=«hunter2»;Encrypt=True",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«abcDEF0123456789+/abcDEF==»;EndpointSuffix=b",
    "Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey=«abcDEF0123456789=»",
    "mysqldump --password «hunter2» db",
    "deploy --token=«abc123def»",
    "cli --api-key '«abc-123-def»'",
    "<password>«hunter2»</password>",
    "<wsse:Password Type=\"PasswordText\">«hunter2»</wsse:Password>",
    "<ApiKey><![CDATA[«abc-123»]]></ApiKey>",
    "<add key=\"DbPassword\" value=\"«hunter2»\"/>",
    "name=DB_PASSWORD value=«hunter2»",
    "secret_key=«abc123def» x",
    "API Key: «abc123def»",
    "sessionId=«0123abcd» x",
    "client_assertion=«eyJhbGciOiJSUzI1NiJ9.abcd0123»",
    "SENTRY_DSN=«https://0123456789@o1.example/1»",
    "paid with card «4111111111111111».",
    "«4111 1111 1111 1111»",
    "«3782 822463 10005»",
    "{Authorization=[«Basic M3hunter2secret99=»], Cookie=[«sid=hunter2secret99»]}",
    "map[Accept:[*/*] Cookie:[sid=«hunter2secret99»]]",
    r#"http.Header{"Cookie":[]string{"«hunter2secret99»"}, "Accept":[]string{"*/*"}}"#,
    "password=[«hunter2secret99»]",
    r#"password=["«hunter2secret99»"]"#,
    "passwords: [«'hunter2secret99', 'hunter3secret99'»]",
    r#"password: Some("«hunter2secret99»")"#,
    r#"Config { user: "x", password: Some("«hunter2secret99»"), n: 1 }"#,
    "password=Optional[«hunter2secret99»]",
    r#"apiKey=Optional.of("«hunter2secret99»")"#,
    r#"Login {password = Just "«hunter2secret99»"}"#,
    r#"["password"]=> string(15) "«hunter2secret99»""#,
    "{Name:bob Password:{String:«hunter2secret99» Valid:true}}",
    r#"#{<<"password">> => <<"«hunter2secret99»">>}"#,
    r#"password="""«hunter2secret99»""""#,
    r#"password = os.getenv("PW", "«hunter2secret99»")"#,
    "[('Cookie','sid=«hunter2secret99»')]",
    "[(b'host', b'x'), (b'authorization', b'«Basic hunter2secret99»')]",
    r#"[{"host", "x"}, {"authorization", "«Basic hunter2secret99»"}]"#,
    r#"{"authorization", "«hunter2secret99»"}"#,
    r#"{<<"authorization">>,<<"«Basic hunter2secret99»">>}"#,
    r#"{password,"«hunter2secret99»"}"#,
    "[Accept, */*], [X-Api-Key, «hunter2secret99»]",
    "headers [Authorization, «Basic hunter2secret99»], [Accept, */*]",
    "List((Cookie,«sid=hunter2secret99»), (Host,x))",
    r#"request.setHeader("X-Api-Key", "«hunter2secret99»");"#,
    "[\"password\"]=>\n  string(15) \"«hunter2secret99»\"",
    "password: |\n  «hunter2secret99»\nuser: bob",
    "  db_password: >-\n    «hunter2secret99»\n  user: bob",
    "Content-Disposition: form-data; name=\"password\"\r\n\r\n«hunter2secret99»\r\n--x--",
    "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\nContent-Type: text/plain\r\n\r\n«hunter2secret99»\r\n--x",
    "Cookie: «theme=dark;\r\n sid=hunter2secret99»\r\nHost: x",
    "Authorization: «Basic\r\n hunter2secret99»\r\nHost: x",
    "<name>password</name><value>«hunter2secret99»</value>",
    "<property><name>db.password</name>\n<value>«hunter2secret99»</value></property>",
    r#"<entry key="password">«hunter2secret99»</entry>"#,
    "<dict><key>password</key>\n<string>«hunter2secret99»</string></dict>",
    r#"<input type="password" name="p" value="«hunter2secret99»">"#,
    r#"a:1:{s:8:"password";s:15:"«hunter2secret99»";}"#,
    "password：«hunter2secret99»",
    "密码 password＝«hunter2secret99»",
    "%7B%u0022password%u0022:%u0022«hunter2secret99»%u0022%7D",
    "key=«-----BEGIN+RSA+PRIVATE+KEY-----%0AMIIEhunter2secret99%0A-----END+RSA+PRIVATE+KEY-----»",
    "curl -s -u user:«hunter2secret99» https://x.example",
    "curl --user 'user:«hunter2secret99»' https://x.example",
    "Connect-Thing -Password «hunter2secret99» -User bob",
    "run: mysql -u root -p«hunter2secret99» db",
    "docker login -u bob -p «hunter2secret99» r.example",
    "mytool -token «hunter2secret99»",
    r#"sh -c "redis-cli -h x -a «hunter2secret99» ping""#,
    "echo x | sshpass -p «hunter2secret99» ssh y",
    "smbclient -U 'bob%«hunter2secret99»' //x/y",
    r#"{:user "bob", :password "«hunter2secret99»"}"#,
    "passwords:\n  - «hunter2secret99»\n  - «hunter3secret99»\nuser: bob",
    "password:\n  «hunter2secret99»\nuser: bob",
    "db:\n  password:\n    \"«hunter2 secret 99»\"\n  user: bob",
    "Authorization:\r\n «Bearer hunter2secret99»\r\nHost: x",
    "Cookie:\r\n «sid=hunter2secret99; a=b»\r\nHost: x",
    "passwords: [\n    '«hunter2secret99»',\n    '«hunter3secret99»'\n  ],\n  user: 'bob'",
    "password: Some(\n        \"«hunter2secret99»\",\n    ),\n    user: \"bob\",",
    "[passwords] => Array\n(\n    [0] => «hunter2secret99»\n)\n",
    "password = <<EOT\n«hunter2secret99»\nEOT\n",
    r#"password: []byte("«hunter2secret99»")"#,
    "password=bytearray(b'«hunter2secret99»')",
    r#"Secrets:map[string]string{"db":"«hunter2secret99»"}"#,
    "['curl', '-u', 'bob:«hunter2secret99»', 'https://x.example']",
    r#"["mysql","-p«hunter2secret99»"]"#,
    r#""curl" "-u" "bob:«hunter2secret99»" "https://x.example""#,
    "running [mysql -u root -p«hunter2secret99»]",
    "curl -sSubob:«hunter2secret99» https://x.example",
    "keytool -storepass «hunter2secret99» -keypass «hunter3secret99»",
    "vault login -no-print «hunter2secret99»",
    "npm config set //registry.npmjs.org/:_authToken «hunter2secret99»",
    "//registry.npmjs.org/:_authToken=«hunter2secret99»",
    "ALTER USER bob IDENTIFIED BY '«hunter2secret99»'",
    r#"ConvertTo-SecureString "«hunter2secret99»" -AsPlainText"#,
    "::add-mask::«hunter2secret99»",
    "[password:protected] => «hunter2secret99»",
    r#"["password":"App\User":private]=> string(15) "«hunter2secret99»""#,
    r#"password|s:15:"«hunter2secret99»";"#,
    r#"password: str = "«hunter2secret99»""#,
    r#"~ password = "«hunter2secret99»" -> "«hunter3secret99»""#,
    r#"Password: (string) (len=15) "«hunter2secret99»""#,
    r#"[{:user, "bob"}, {:password, "«hunter2secret99»"}]"#,
    "on field 'password': rejected value [«hunter2secret99»]; codes [a]",
    "password: 'it''«s secret hunter2»'",
    "p\u{430}ssword=«hunter2»",
    "pass\u{200b}word=«hunter2»",
];

/// The same as JSON, where the shape tells.
const OBJECTS: &[&str] = &[
    r#"{"password":"«hunter2»"}"#,
    r#"{"password":{"inner":["«hunter2»"]}}"#,
    r#"{"Authorization":"«Basic dXNlcjpodW50ZXIy»"}"#,
    r#"{"cookie":["«a=b1»"]}"#,
    r#"{"multiValueHeaders":{"Cookie":["«a=b1»","c"]}}"#,
    r#"{"headers":{"cookie":[{"key":"Cookie","value":"«a=b1»"}]}}"#,
    r#"{"headers":[{"name":"Authorization","value":"«Basic abc1»"}]}"#,
    r#"{"headers":[{"name":"Authorization","values":["«Basic abc1»"]}]}"#,
    r#"{"headers":[{"value":"«Basic abc1»","name":"Authorization"}]}"#,
    r#"{"rawHeaders":["Host","x","authorization","«Basic abc1»"]}"#,
    r#"{"headers":[["host","x"],["authorization","«Basic abc1»"]]}"#,
    r#"{"env":[{"name":"DB_PASSWORD","value":"«hunter2»"}]}"#,
    r#"{"Parameters":[{"Name":"/prod/db/password","Type":"SecureString","Value":"«hunter2»"}]}"#,
    r#"{"Tags":[{"Key":"ApiToken","Value":"«abc123def»"}]}"#,
    r#"{"attributes":[{"key":"db.password","value":{"stringValue":"«hunter2»"}}]}"#,
    r#"{"args":["mysql","--password","«hunter2»","db"]}"#,
    r#"{"SecretString":"«hunter2»"}"#,
    r#"{"sessionId":"«0123abcd»"}"#,
    r#"{"passwordConfirmation":"«hunter2»"}"#,
    r#"{"connectionString":"«Server=x;Password=hunter2»"}"#,
    r#"{"signingKey":"«abc-123»","hmac_key":"x"}"#,
    r#"{"SAMLResponse":"«PHNhbWxwOlJlc3BvbnNl»"}"#,
    r#"{"user[password]":"«hunter2»"}"#,
    r#"{"password=«hunter2»":1}"#,
    r#"{"«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl»":1}"#,
    r#"{"payments":"«4111 1111 1111 1111»"}"#,
    r#"{"comments":"my card is «4111111111111111», thanks"}"#,
    r#"{"card":{"number":"«4111111111111111»"}}"#,
    r#"{"card":«4111111111111111»}"#,
    r#"{"data":{"number":"«4111111111111111»","cvc":"«737»"}}"#,
    r#"{"number":«4111111111111111»,"brand":"visa"}"#,
    r#"{"cvv":«737»}"#,
    r#"{"OptionName":"DB_PASSWORD","Value":"«hunter2secret99»"}"#,
    r#"{"op":"replace","path":"/password","value":"«hunter2secret99»"}"#,
    r#"{"type":"string_too_short","loc":["body","password"],"input":"«hunter2secret99»","ctx":{"min_length":20}}"#,
    r#"{"args":["curl","-u","«bob:hunter2secret99»"]}"#,
    r#"{"args":["mysql","«-phunter2secret99»","db"]}"#,
    r#"{"property":"spring.datasource.password","value":"«hunter2secret99»"}"#,
    r#"{"propertyPath":"user.password","invalidValue":"«hunter2secret99»"}"#,
    r#"{"label":"Password","setting":"«hunter2secret99»"}"#,
    r#"{"type":"password","value":"«hunter2secret99»","temporary":false}"#,
    r#"{"field":"password","rejectedValue":"«hunter2secret99»"}"#,
    r#"{"title":"API key","value":"«hunter2secret99»","short":true}"#,
    r#"{"list":"[('Cookie', 'sid=«hunter2secret99»')]"}"#,
    r#"{"tokens":["«abcdef0123456789abcdef»"],"accessKey":{"accessKeyId":"x","secretAccessKey":"«hunter2secret99»"}}"#,
    r#"{"span_name":"GET","name":"GET ?password=«hunter2»","url":"/x?token=«abc123def»"}"#,
    r#"{"function_name":"f password=«hunter2»","service":"s token=«abc123def»","error":{"message":"password=«hunter2»","stack":"E: password=«hunter2»\n    at x"}}"#,
];

/// An encoder of JSON strings, by the table that its documentation or source has.
#[derive(Clone, Copy, Debug)]
enum Encoder {
    /// .NET's `JavaScriptEncoder.Default`: what is not Basic Latin, and `" & ' + < >` and the backtick, as `\uXXXX`.
    SystemTextJson,
    /// Gson with its default of being safe in HTML: `< > & = '` as `\u00xx`.
    Gson,
    /// Go's `encoding/json`: `< > &` as `\u00xx`.
    Go,
    /// PHP's `json_encode`: `/` as `\/`, what is not ASCII as `\uXXXX`.
    Php,
    /// Python's `json.dumps`: what is not ASCII as `\uXXXX`.
    Python,
}

const ENCODERS: [Encoder; 5] = [Encoder::SystemTextJson, Encoder::Gson, Encoder::Go, Encoder::Php, Encoder::Python];

impl Encoder {
    fn string(self, text: &str) -> String {
        let mut out = String::from("\"");
        for character in text.chars() {
            let is_unicode = match self {
                Encoder::SystemTextJson => matches!(character, '"' | '&' | '\'' | '+' | '<' | '>' | '`' | '\u{7f}'..),
                Encoder::Gson => matches!(character, '<' | '>' | '&' | '=' | '\'' | '\u{2028}' | '\u{2029}'),
                Encoder::Go => matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
                Encoder::Php | Encoder::Python => matches!(character, '\u{7f}'..),
            };
            match character {
                _ if is_unicode => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        match self {
                            Encoder::SystemTextJson => write!(out, "\\u{unit:04X}").unwrap(),
                            _ => write!(out, "\\u{unit:04x}").unwrap(),
                        }
                    }
                }
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '/' if matches!(self, Encoder::Php) => out.push_str("\\/"),
                other => out.push(other),
            }
        }
        out.push('"');
        out
    }
}

/// The form's text, and its secrets.
fn form(marked: &str) -> (String, Vec<String>) {
    let secrets = marked.split('«').skip(1).map(|rest| rest.split('»').next().unwrap().to_owned()).collect();
    (marked.replace(['«', '»'], ""), secrets)
}

fn forms() -> Vec<(String, Vec<String>)> {
    let known = KNOWN_SECRETS.iter().map(|known| {
        let (text, secret) = known.example();
        (text, vec![secret])
    });
    known.chain(TEXTS.iter().map(|text| form(text))).collect()
}

/// Everything that the rows of a line hold, and what a reader makes of it.
fn held(line: &str, options: &Options) -> String {
    let mut all = String::new();
    for (group, stream) in [("/ecs/app", "app/1"), (LAMBDA_GROUP, LAMBDA_STREAM)] {
        for record in records_of(document(group, stream, &[line]).as_bytes(), options).0 {
            for (column, value) in COLUMNS.iter().zip(record.values()) {
                if let (Some(Value::String(text)), false) =
                    (value, matches!(column.name, "aws_log_group" | "aws_log_stream" | "event_id"))
                {
                    all.push_str(text);
                    all.push('\n');
                }
            }
        }
    }
    let mut seen = all.clone();
    for _ in 0..6 {
        seen = resolved(&seen);
        all.push_str(&seen);
    }
    all
}

/// Escapes resolved once, in the simplest way that there is.
fn resolved(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let code = |from: usize, length: usize| {
            rest.get(from..from + length)
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .and_then(char::from_u32)
        };
        let (character, length) = match first {
            '\\' if rest.starts_with("\\u") => code(2, 4).map_or((first, 1), |character| (character, 6)),
            '\\' => match rest[1..].chars().next() {
                Some(next @ ('"' | '\\' | '/')) => (next, 2),
                Some('n') => ('\n', 2),
                _ => (first, 1),
            },
            '%' => code(1, 2).map_or((first, 1), |character| (character, 3)),
            _ => (first, first.len_utf8()),
        };
        out.push(character);
        rest = &rest[length..];
    }
    out.replace("&quot;", "\"").replace("&#61;", "=")
}

/// The secrets that were found in rows, each with its line.
#[derive(Default)]
struct Leaks(Vec<String>);

impl Leaks {
    fn look(&mut self, line: &str, secrets: &[String]) {
        // Of what is long neither half may be left.
        const LONG_BYTES: usize = 16;
        let held = held(line, &Options::default());
        for secret in secrets {
            let half = if secret.len() < LONG_BYTES { 0 } else { secret.len() / 2 };
            let halves = [secret.get(..half), secret.get(half..)];
            if halves.into_iter().flatten().any(|half| !half.is_empty() && held.contains(half)) {
                self.0.push(format!("{secret} of {line}"));
            }
        }
    }

    fn none(&self) {
        assert!(self.0.is_empty(), "{} leak, such as {:#?}", self.0.len(), &self.0[..self.0.len().min(40)]);
    }
}

fn assert_hidden(line: &str, secrets: &[String]) {
    let mut leaks = Leaks::default();
    leaks.look(line, secrets);
    leaks.none();
}

/// The line as it is, and in every encoding and nesting.
fn each_nesting(text: &str, is_json: bool, each: &mut dyn FnMut(&str)) {
    for encoder in ENCODERS {
        let mut inner = if is_json { text.to_owned() } else { format!("{{\"note\":{}}}", encoder.string(text)) };
        each(&inner);
        for key in ["message", "requestBody", "detail"] {
            inner = format!("{{\"level\":\"INFO\",\"{key}\":{}}}", encoder.string(&inner));
            each(&inner);
            // Cut, and with a comma too many, it is text.
            each(&inner[..inner.len() - 2]);
            each(&format!("{},}}", &inner[..inner.len() - 1]));
            each(&format!("received {inner} from bob"));
        }
    }
}

#[test]
fn every_claimed_text_is_hidden_through_five_encoders_and_three_nestings() {
    let mut leaks = Leaks::default();
    for (text, secrets) in forms() {
        leaks.look(&text, &secrets);
        leaks.look(&format!("2026-11-21T08:42:53.429Z\t12e1bc76-5667-4b14-9509-bb0a9bf13331\tINFO\t{text}"), &secrets);
        each_nesting(&text, false, &mut |line| leaks.look(line, &secrets));
        each_nesting(&serde_json::json!({ "logger": { "lines": [text] } }).to_string(), true, &mut |line| {
            leaks.look(line, &secrets);
        });
    }
    leaks.none();
}

#[test]
fn every_claimed_object_is_hidden_through_five_encoders_and_three_nestings() {
    let mut leaks = Leaks::default();
    for marked in OBJECTS {
        let (text, secrets) = form(marked);
        leaks.look(&text, &secrets);
        leaks.look(&format!("received {text}"), &secrets);
        leaks.look(&format!("[{text}]"), &secrets);
        each_nesting(&text, true, &mut |line| leaks.look(line, &secrets));
        // Every letter of keys and values escaped.
        let escaped: String = text
            .chars()
            .map(|character| match character {
                'a'..='z' | 'A'..='Z' | '=' | ' ' => format!("\\u{:04x}", u32::from(character)),
                other => other.to_string(),
            })
            .collect();
        leaks.look(&escaped, &secrets);
    }
    leaks.none();
}

#[test]
fn urls_and_entities_hide_nothing() {
    let mut leaks = Leaks::default();
    for (text, secrets) in forms().into_iter().chain(OBJECTS.iter().map(|object| form(object))) {
        let percent: String = text
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        let entities: String = text
            .chars()
            .map(|character| match character {
                '"' => "&quot;".to_owned(),
                '\'' => "&#39;".to_owned(),
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '=' => "&#x3D;".to_owned(),
                other => other.to_string(),
            })
            .collect();
        // A letter that no URL may hold is written in bytes of its own, which no key is searched for.
        if text.is_ascii() {
            leaks.look(&format!("GET /x?body={percent}"), &secrets);
            leaks.look(&serde_json::json!({ "query": percent }).to_string(), &secrets);
        }
        leaks.look(&entities, &secrets);
        leaks.look(&serde_json::json!({ "html": entities }).to_string(), &secrets);
    }
    leaks.none();
}

#[test]
fn metric_rows_hold_no_secret() {
    let line = r#"{"_aws":{"Timestamp":1795250573000,"CloudWatchMetrics":[{"Namespace":"n password=hunter2","Dimensions":[["d","password=hunter2"]],"Metrics":[{"Name":"m token=hunter2","Unit":"u password=hunter2"}]}]},"d":"password=hunter2","password=hunter2":"x","m token=hunter2":1}"#;
    let (records, _) = records_of(document("g", "s", &[line]).as_bytes(), &Options::default());
    assert_eq!(records.len(), 2);
    assert_hidden(line, &["hunter2".to_owned()]);
}

#[test]
fn a_forged_report_and_what_stands_before_json_hold_no_secret() {
    let secrets = ["hunter2".to_owned()];
    assert_hidden(
        "REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 1 ms\tNote: password=hunter2\tpassword: hunter2",
        &secrets,
    );
    assert_hidden("password=hunter2 \t{\"a\":1}", &secrets);
}

#[test]
fn an_exception_that_is_called_as_a_secret_holds_none() {
    for line in [
        "password: hunter2secret99\n    at com.acme.X.y(X.java:12)",
        "ERROR password: hunter2secret99",
        r#"{"level":"ERROR","message":"x","error":{"type":"password","message":"hunter2secret99"}}"#,
    ] {
        assert_hidden(line, &["hunter2secret99".to_owned()]);
    }
}

#[test]
fn keys_and_patterns_can_be_added() {
    let options = Options {
        redact_keys: vec!["Loyalty-No".into()],
        redact_patterns: vec!["acme_live_[A-Za-z0-9]{20,}".parse::<Pattern>().unwrap()],
        ..Options::default()
    };
    for line in [
        r#"{"loyaltyNo":"0123456789abcdefghijSECRET"}"#,
        r#"{"msg":"acme_live_0123456789abcdefghijSECRET."}"#,
        r#"{"msg":"acme\u005flive_0123456789abcdefghijSECRET."}"#,
        "acme_live_0123456789abcdefghijSECRET",
    ] {
        assert!(held(line, &Options::default()).contains("SECRET"), "{line}");
        assert!(!held(line, &options).contains("SECRET"), "{line}");
    }
}

#[test]
fn what_only_sounds_like_a_secret_stays() {
    let mut touched = Vec::new();
    for line in [
        r#"{"usage":{"inputTokens":31,"outputTokens":12,"totalTokens":43,"cacheReadInputTokens":1907,"reasoning_tokens":7,"tokens":{"prompt":1}}}"#,
        r#"{"clientRequestToken":"run-7-step-3","StartingToken":"page-3","NextMarkerToken":"page-4","nextToken":"abc123abc123abc123","tokenType":"Bearer","syncToken":"s-1234567890123456","idempotencyToken":"i-1234567890123456"}"#,
        r#"{"cookies":3,"numSecrets":4,"failedTokens":5,"hasPassword":true,"passwordResetAt":"2026-11-21","has_secret":false}"#,
        r#"{"method_signature":"charge(int)","function_signature":"f0123456789abcdef0123","typeSignature":"(II)V","eventSignature":"Transfer(address,address,uint256)"}"#,
        r#"{"secretArn":"arn:aws:secretsmanager:us-east-2:123456789012:secret:db-AbCdEf","secret":"arn:aws:secretsmanager:us-east-2:123456789012:secret:db-AbCdEf"}"#,
        r#"{"authorization":{"claims":{"sub":"u-1"},"scopes":["read"]}}"#,
        r#"{"env":"PWD=/var/task OLDPWD=/ HOME=/root","PWD":"/var/task"}"#,
        r#"{"msg":"expected token=IDENT, got tokens: 523"}"#,
        r#"{"msg":"Authorization: user is not allowed to read"}"#,
        r#"{"required":["username","password","email"],"n":4532015112830366,"orderId":"4532015112830366","ref":"4532015112830366"}"#,
        r#"{"Metrics":[{"name":"InputTokens","value":31},{"Name":"LoginCookies","Value":7}]}"#,
        r#"{"passwordPolicy":{"minLength":8,"kind":"strong"},"passwordless":"yes","tokenExpiresAt":"2026-11-21"}"#,
        r#"{"tags":["kind:password","env:prod"],"text":"reset your password: go to https://x.example/reset"}"#,
        "SELECT * FROM u WHERE password = ? AND token = ?",
        "SELECT * FROM u WHERE password = $1",
        "SELECT * FROM u WHERE password = :pw",
        "UPDATE u SET password = @pw WHERE id = 1",
        "INSERT password=%s",
        "Access denied for user 'x'@'y' (using password: YES)",
        r#"password = os.getenv("X")"#,
        r#"password = os.environ["DB_PASSWORD"]"#,
        r#"    self.token = request.headers.get("x")"#,
        "const password = process.env.DB_PASSWORD;",
        "password: <your-password>, token: {{ token }}, secret=#{secret}",
        "errors={password=[must not be blank], token=[is required]}",
        "tokens=[the, quick, brown, fox, jumps]",
        "token: [IDENT], password: [FILTERED]",
        "fields [password, email], (token, secret), {password, email}",
        "missing fields ('password', 'email') of (username, password, email)",
        r#"validate("password", "required") failed"#,
        r#"{"path":"/login/password","value":3,"method":"GET"}"#,
        r#"{"path":"src/reset-password.tsx","content":"import x"}"#,
        r#"{"type":"token","value":"IDENT"}"#,
        r#"{"id":"token-count","value":"many"}"#,
        "password: |",
        r#"{"label":"Forgot password","value":"/forgot"}"#,
        "mkdir -p /tmp/x; cp -u a b; curl -u $USER:$PASS x",
        "docker run -p 8080:80 nginx, mysql -p -u root",
        "Get-Thing -Password $password -Token (Get-Token)",
        "INFO - password - done",
        "connecting to host password-db:5432, service password:8080",
        "ERROR Password:31 - x",
        "(com.acme.Password:31) [Token:7] done",
        "first pass: 120ms, second pass: 3.5s",
        "GET /reset-password/:token, /users/:id/password/:token",
        "dsn=mydb",
        r#"{"dsn":"mydb","tokens":["the","quick","b2b"]}"#,
        r#"{"properties":{"password":{"type":"string","minLength":8,"description":"the password"}}}"#,
        r#"{"responseElements":{"accessKey":{"accessKeyId":"XKIA","status":"Active","userName":"bob","createDate":"Nov 21"}}}"#,
        r#"{"errors":{"password":["is too short (minimum is 8 characters)","must have a digit"]}}"#,
        "auth=success user=bob",
        "fn verify(password: &str, token: Token) -> Result<(), Error>",
        "    def login(self, password: str, token: Optional[str] = None):",
        "public void setPassword(String password) { this.password = password; }",
        "Route registered: /users/{id}/password -> UserController@password",
        r#"{"password":"is required"}"#,
        "token_type=bearer expires_in=3600",
        "PWD=/var/task",
        "tokens: 523, cookies: 3, secrets: 4",
        "token=IDENT at line 7",
        "Authorization: user is not allowed to perform sts:AssumeRole",
        "Password must have 8 letters. password: is required",
    ] {
        let redacted = records_of(document("g", "s", &[line]).as_bytes(), &Options::default());
        let whole =
            records_of(document("g", "s", &[line]).as_bytes(), &Options { redact: false, ..Options::default() });
        let text = |records: &[Record<'_>]| records.iter().map(columns).collect::<Vec<_>>().join("\n");
        if redacted != whole {
            touched.push(format!("{line}\n{}", text(&redacted.0)));
        }
    }
    assert!(touched.is_empty(), "{touched:#?}");
}

/// A generator that gives the same values every time (Knuth's constants).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 11
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + (self.next() % 10) as u8)).collect()
    }

    fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| format!("{:x}", self.next() % 16)).collect()
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[(self.next() % of.len() as u64) as usize]
    }
}

/// A value that is no secret, of twenty kinds.
fn innocent(kind: u64, random: &mut Random) -> String {
    match kind {
        0 => {
            let hex = random.hex(32);
            format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
        }
        1 => random.hex(64),
        2 => random.hex(32),
        3 => format!("1795{}", random.digits(6)),
        4 => format!("1795{}", random.digits(9)),
        5 => format!("1795{}", random.digits(12)),
        6 => format!("1795{}", random.digits(15)),
        7 => format!("+49 30 {}", random.digits(8)),
        8 => format!("DE{}", random.digits(20)),
        9 => format!("978-3-{}-{}-{}", random.digits(2), random.digits(6), random.digits(1)),
        10 => format!("35{}", random.digits(13)),
        11 => format!("1{}", random.digits(17)),
        12 => random.digits(16),
        13 => format!("4{}", random.digits(15)),
        14 => format!("{}.{} EUR", random.digits(4), random.digits(2)),
        15 => random.hex(40),
        16 => format!("arn:aws:lambda:us-east-2:{}:function:f:{}", random.digits(12), random.digits(2)),
        17 => format!("Root=1-{}-{};Parent={};Sampled=1", random.hex(8), random.hex(24), random.hex(16)),
        18 => {
            let about = random.one(&[
                "Invalid password: must be longer than 8 letters",
                "password: required",
                "The password of this user expired",
                "your token expired, log in again",
                "Unexpected token: end of input",
                "Unexpected token < in JSON at position 0",
                "Authorization: user is not allowed to do this",
                "no credentials: using the default chain",
                "secret not found: falls back",
                "cookie consent: accepted",
                "forgot password? use the link",
                "signature does not match: check the clock",
                "password: does not match the confirmation",
                "Bearer of this ticket may enter",
                "basic authentication is not supported",
                "card declined, ask for another payment",
                "Connection refused: db:5432",
                "https://example.com/reset-password?lang=en",
                "API key: missing",
                "session: started at 12:00",
            ]);
            format!("{about} ({})", random.digits(4))
        }
        _ => format!("order {} of customer {} ships {}", random.digits(16), random.digits(10), random.digits(8)),
    }
}

#[test]
fn of_twenty_thousand_innocent_values_at_most_one_in_a_thousand_is_touched() {
    const VALUES: u64 = 20_000;
    let mut random = Random(7);
    let mut lines = Vec::new();
    for index in 0..VALUES {
        let value = innocent(index % 20, &mut random);
        let key =
            random.one(&["value", "id", "ref", "update", "comments", "accounts", "msg", "checksum", "n", "paidBy"]);
        lines.push(match random.next() % 4 {
            0 => value,
            1 => format!("{key}={value} done"),
            2 => serde_json::json!({ "level": "info", "msg": format!("{key} {value}") }).to_string(),
            _ => serde_json::json!({ "level": "info", key: value }).to_string(),
        });
    }
    let mut touched = Vec::new();
    for line in &lines {
        if records_of(document("g", "s", &[line]).as_bytes(), &Options::default()).1.redacted > 0 {
            touched.push(line);
        }
    }
    assert!(touched.len() as u64 <= VALUES / 1000, "{} are touched, such as {:#?}", touched.len(), &touched[..5]);
}

/// What a text is made of: a beginning, units again and again, and what its latter half is made of, if not of units.
#[derive(Clone, Copy, Debug)]
struct Texture(&'static str, &'static str, &'static str);

impl Texture {
    fn text(self, bytes: usize) -> String {
        let Texture(head, unit, tail) = self;
        match tail.len() {
            0 => format!("{head}{}", unit.repeat(bytes / unit.len())),
            length => format!("{head}{}{}", unit.repeat(bytes / 2 / unit.len()), tail.repeat(bytes / 2 / length)),
        }
    }
}

const UNITS: &[&str] = &[
    "eyJ",
    "eyJaaaaaaa.",
    "password",
    "password=",
    "password: ",
    "password: a ",
    "%25",
    "\\u005c",
    "\\\\u005c",
    "{\"name\":",
    "name=",
    "name=password ",
    "value=a ",
    "[",
    "{",
    "[\"password\",",
    "\"",
    "'",
    "\\",
    "sig:\\\"",
    "pwd=/",
    "token=1,",
    "--",
    " --a",
    " --password -",
    "://",
    "://a:",
    "://a@",
    "Bearer ",
    "basic ",
    "Basic aaaa",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "AKIA",
    "xox",
    "<",
    ">",
    "<password",
    "<sig><![CDATA[",
    "<sig>",
    "&quot;",
    "&#",
    "&#61;",
    "Authorization: a b c ",
    "Cookie: a=",
    "1",
    "1 ",
    "4111 ",
    "4111111111111111 ",
    "4111-",
    "card 4111111111111111 ",
    "a_token_x_",
    "é=",
    "{'a':",
    "{\"password\":[",
    "{\"tokens\":{",
    "[[\"a\",",
    "{\"a\":1,",
    "\\\"",
    "=",
    ":",
    ">=",
    "[{",
    "signature=\"(",
    "authorization=\"a ",
    "jwt token ",
    "key ",
    "Credential=, ",
    "Authorization: Digest nc=1, ",
    "password=[",
    "tokens=[a,",
    "password: Some(",
    "token=get(\"",
    "curl -u ",
    " -p",
    "<name>password",
    "Cookie: a;\n ",
    "Authorization: Basic\n ",
    "sig: |\n ",
    "(token,",
    "(token,1 ",
    "s:8:\"sig\";s:1:\"",
    "password：",
    "form-data; name=\"sig\"\n\n",
    " :sig \"",
    "sqlplus ",
    ":AA",
    "sig:\n  ",
    "sig:\n- ",
    "tokens:\n - a",
    "token=[\n",
    "token: Some(\n",
    "token: Array\n(",
    "sig=<<E\n",
    "sig: map[a]b{",
    "sig: (a) (",
    "sig: a = \"",
    "[sig:a:private] => ",
    "token = \"\" -> \"",
    "sig|s:1:\"",
    "sig={'",
    ":password:",
    "\"-p\",",
    " curl -su",
    "config set ",
    "vault login -a ",
    "PASSWORD 'is",
    "[\"login\",\"a\",",
    "sig: # a\n",
    "sig:\t# a\n- a\n",
    "  \u{1f}name: |\n",
    "::add-mask::[redacted:",
    "issecret=true]***",
    "Basic+",
    "Bearer+=",
    "password: a|",
    "password: a |",
    " -> secret",
    "authorization=a;",
    "<password><![CDATA[[redacted:",
    "<sig><![CDATA[is a ",
    "token=(a",
    "'-p",
    "login 'a' -p",
    "mysql -pa ",
    "[\"password\",\"a\",\"b\",",
    "{'password'}",
    "sig=\\\"",
    "sig:'''a",
    "!!str |\n",
    "sig: ${",
    "sig: <",
    "***",
    "password=xxx",
    "password=***,",
    "# password: a\n",
    "--password=\n",
    "--token --token",
    "%22sig%22:%22",
    "\\x22sig\\x22:",
    "&quot;sig&quot;:",
    "sig\u{ff1a}\"",
];

/// What takes long only behind a beginning or before an end.
const TEXTURES: &[Texture] = &[
    Texture("password=1\n", "#name:\n- a\n", ""),
    Texture("password=1\n", "#\u{1f}name:\n- a\n", ""),
    Texture("{\"a\":1,", "\"path\":\"/password\",", ""),
    Texture("", "pwd\u{ff1a}", "<"),
    Texture("", " -> secret", ">"),
    Texture("", "-u : password", "\t"),
    Texture("", "authorization=a;", " "),
    Texture("", "sig:b''a", " "),
    Texture("", "sig:b''a", ","),
    Texture("", "sig:b''a", ")"),
    Texture("", "sig=[\na", "\n"),
    Texture("", "(token,1", " "),
    Texture("", "'-p", "\\"),
    Texture("", "\"-p\",", "\\"),
    Texture("", "Basic+", "("),
    Texture("", "sig:${aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "}"),
];

#[test]
fn no_text_takes_long() {
    const BYTES: usize = 1 << 15;
    const TIMES: usize = 4;
    // A linear look takes four times as long over a text four times as long, a quadratic one sixteen times. What is done in
    // `SOON` is no concern.
    const GROWTH_MAX: u32 = 9;
    const SOON: Duration = Duration::from_millis(150);
    // The machine may do something else as well: of several tries the quickest counts.
    const TRIES: usize = 5;
    let taken = |line: &str| {
        let payload = document("g", "s", &[line]);
        let start = Instant::now();
        records_of(payload.as_bytes(), &Options::default());
        start.elapsed()
    };
    let units = UNITS.iter().map(|unit| Texture("", unit, ""));
    for texture in units.chain(TEXTURES.iter().copied()) {
        let lines = |bytes: usize| {
            let text = texture.text(bytes);
            let json = serde_json::json!({ "msg": text }).to_string();
            let key = format!("{{\"{}\":1}}", text.replace(['"', '\\'], "x"));
            [text, json, key]
        };
        for (short, long) in lines(BYTES).into_iter().zip(lines(BYTES * TIMES)) {
            let (mut short_taken, mut long_taken) = (Duration::MAX, Duration::MAX);
            let is_linear = (0..TRIES).any(|_| {
                long_taken = long_taken.min(taken(&long));
                long_taken < SOON || {
                    short_taken = short_taken.min(taken(&short));
                    long_taken < short_taken * GROWTH_MAX
                }
            });
            assert!(is_linear, "{texture:?} takes {long_taken:?}, a fourth of it {short_taken:?}");
        }
    }
}
