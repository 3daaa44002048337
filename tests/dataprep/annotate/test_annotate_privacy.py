"""Private data: what is replaced, and what only looks like it. Numbers are published specimens."""

import pyarrow as pa
import pytest

from dataprep import schema as s
from dataprep.annotate.privacy.search import private_data


def replaced(text: str, locale: str = "en") -> str:
    texts, _ = private_data(pa.array([text]), [locale])
    return str(texts[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna.b+news@example.org.", "Write to <email>."),
        ("<a@example.org>,b@mail.example.co.uk", "<<email>>,<email>"),
        ("mailto:a_b@example.org?subject=x", "mailto:<email>?subject=x"),
        ("'o’neil@example.org'", "'<email>'"),
        ("see a@b.example-site.travel/page", "see <email>/page"),
        ("a@xn--e1afmkfd.xn--p1ai", "<email>"),
        ("联系abc@example.org吧", "联系<email>吧"),
        ("代表：info@example.com(平日)", "代表：<email>(平日)"),
        ("ａｂｃ＠ｅｘａｍｐｌｅ．ｏｒｇ まで", "<email> まで"),
        ("ติดต่อa@example.orgครับ", "ติดต่อ<email>ครับ"),
        ("메일 abc@example.org로 주세요", "메일 <email>로 주세요"),
        ("راسلنا على a@example.org؟", "راسلنا على <email>؟"),
        ("כתבו לinfo@example.org.", "כתבו ל<email>."),
        ("Пишите:info@example.org;", "Пишите:<email>;"),
    ],
)
def test_email_addresses_are_replaced_in_every_script(text: str, expected: str) -> None:
    assert replaced(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prénom.nom@example.org, merci", "<email>, merci"),
        ("Jürgen <jürgen@müller.example>", "Jürgen <<email>>"),
        ("почта@пример.рф и всё", "<email> и всё"),
        ("संपर्क@डाटामेल.भारत पर लिखें", "<email> पर लिखें"),
        ("தொடர்பு@உதாரணம்.இந்தியா க்கு", "<email> க்கு"),
        ("راسلنا على بريد@مثال.موقع شكرا", "راسلنا على <email> شكرا"),
        ("με χρήστης@παράδειγμα.ελ τώρα", "με <email> τώρα"),
        ("邮箱：用户@例子.广告谢谢", "邮箱：<email>谢谢"),
        ("이메일 사용자@예시.한국 입니다", "이메일 <email> 입니다"),
        ("อีเมล ผู้ใช้@ตัวอย่าง.ไทยครับ", "อีเมล <email>ครับ"),
        ("כתבו אל משתמש@דוגמה.קום היום", "כתבו אל <email> היום"),
        ("q\u0323\u0307a@example.org", "<email>"),
    ],
)
def test_names_and_domains_beyond_ascii_are_part_of_the_address(text: str, expected: str) -> None:
    assert replaced(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "user@localhost, @handle, a @ b, foo@bar, @user.name, x@1.2",
        "@property\ndef f(x): return x @ w.T",
        "y = (A@B.inverse()).sum(); q@k.transpose(1, 2)",
        "logo@2x.png and icon@3x.svg",
        "npm install pkg@1.2.3",
        "https://example.org/@48.8583,2.2945,17z",
        "谢谢@小明，@小红！",
        "https://social.example/@name.of.someone",
        "a@b.c_d",
        "..@example.org",
    ],
)
def test_what_only_has_an_at_sign_is_left_alone(text: str) -> None:
    assert replaced(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 192.0.2.1.", "from <ip-address>."),
        ("http://203.0.113.77:8080/x", "http://<ip-address>:8080/x"),
        ("172.32.0.1 or 198.51.100.0/24", "<ip-address> or <ip-address>/24"),
        ("地址192.0.2.10是", "地址<ip-address>是"),
        ("Kyiv 192.0.2.1", "Kyiv <ip-address>"),
        ("2001:db8:85a3::8a2e:370:7334 joined", "<ip-address> joined"),
        ("[2001:0DB8:0:0:8:800:200C:417A]:443", "[<ip-address>]:443"),
        ("अब 2001:db8::1:2:3 से", "अब <ip-address> से"),
    ],
)
def test_public_ip_addresses_are_replaced(text: str, expected: str) -> None:
    assert replaced(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call +1 212-555-0100 now", "Call <phone-number> now"),
        ("+44 20 7946 0958", "<phone-number>"),
        ("+44 (0)20 7946 0958 or (+44) 20 7946 0959", "<phone-number> or (<phone-number>"),
        ("tel:+442079460958.", "tel:<phone-number>."),
        ("+49 (30) 901-820", "<phone-number>"),
        ("电话+442079460958。", "电话<phone-number>。"),
        ("โทร+66 2 123 4567ครับ", "โทร<phone-number>ครับ"),
        ("हमें +९१ ९८७६५ ४३२१० पर", "हमें <phone-number> पर"),
        ("هاتف: ‎+966 50 123 4567‎", "هاتف: ‎<phone-number>‎"),
        ("＋８１　３－１２３４－５６７８", "<phone-number>"),
    ],
)
def test_international_phone_numbers_are_replaced(text: str, expected: str) -> None:
    assert replaced(text).replace("(<", "(<") == expected


@pytest.mark.parametrize(
    ("locale", "text", "expected"),
    [
        ("en", "(212) 555-0100 or 212.555.0101", "<phone-number> or <phone-number>"),
        ("en", "Call 2125550100, mobile 020 7946 0958", "Call <phone-number>, mobile <phone-number>"),
        ("de", "030/901820 und 0171 1234567", "<phone-number> und <phone-number>"),
        ("de", "Tel.: 03 01 / 23 45 67", "Tel.: <phone-number>"),
        ("fr", "au 01 23 45 67 89 ou 06.12.34.56.78", "au <phone-number> ou <phone-number>"),
        ("es", "Teléfono 912 345 678", "Teléfono <phone-number>"),
        ("it", "tel. 02 1234 5678", "tel. <phone-number>"),
        ("pt", "(11) 91234-5678", "<phone-number>"),
        ("ru", "8 (495) 123-45-67, тел. 8 800 555-35-35", "<phone-number>, тел. <phone-number>"),
        ("pl", "tel. 22 123 45 67", "tel. <phone-number>"),
        ("tr", "0532 123 45 67", "<phone-number>"),
        ("ja", "電話は０３－１２３４－５６７８です", "電話は<phone-number>です"),
        ("ja", "携帯09012345678", "携帯<phone-number>"),
        ("ko", "02-312-3456 또는 010-1234-5678", "<phone-number> 또는 <phone-number>"),
        ("zh", "请拨打13812345678或010-12345678", "请拨打<phone-number>或<phone-number>"),
        ("hi", "फ़ोन ९८७६५ ४३२१०", "फ़ोन <phone-number>"),
        ("th", "โทร ๐๒ ๑๒๓ ๔๕๖๗", "โทร <phone-number>"),
        ("ar", "هاتف ٠١٠ ١٢٣٤ ٥٦٧٨", "هاتف <phone-number>"),
        ("fa", "تلفن ۰۲۱-۱۲۳۴۵۶۷۸", "تلفن <phone-number>"),
        ("he", "נייד 050-123-4567", "נייד <phone-number>"),
        ("vi", "ĐT: 024 3825 3531", "ĐT: <phone-number>"),
        ("sv", "Ring 08-123 456 78", "Ring <phone-number>"),
        ("da", "Crimestoppers tlf. 0800 555 111", "Crimestoppers tlf. <phone-number>"),
        ("en", "00 49 30 901820", "<phone-number>"),
        ("en-KE", "0712 123456", "<phone-number>"),
        ("de-CH", "044 668 18 00", "<phone-number>"),
    ],
)
def test_national_phone_numbers_are_replaced_by_the_documents_language(
    locale: str, text: str, expected: str
) -> None:
    assert replaced(text, locale) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IBAN: DE89 3704 0044 0532 0130 00.", "IBAN: <iban>."),
        ("GB29 NWBK 6016 1331 9268 19 and more", "<iban> and more"),
        ("fr1420041010050500013m02606", "<iban>"),
        ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "<iban>"),
        ("账号NO93-8601-1117-947。", "账号<iban>。"),
        ("ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００", "<iban>"),
        ("رقم SA03 8000 0000 6080 1016 7519 للحساب", "رقم <iban> للحساب"),
    ],
)
def test_bank_accounts_are_replaced(text: str, expected: str) -> None:
    assert replaced(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Visa 4111 1111 1111 1111 12/28", "Visa <payment-card> 12/28"),
        ("5555-5555-5555-4444", "<payment-card>"),
        ("378282246310005 or 3782 822463 10005", "<payment-card> or <payment-card>"),
        ("6011111111111117;30569309025904", "<payment-card>;<payment-card>"),
        ("卡号4111111111111111，", "卡号<payment-card>，"),
        ("کارت ۴۱۱۱ ۱۱۱۱ ۱۱۱۱ ۱۱۱۱", "کارت <payment-card>"),
        ("कार्ड ४१११११११११११११११", "कार्ड <payment-card>"),
        ("card 4222222222222", "card <payment-card>"),
    ],
)
def test_payment_cards_are_replaced(text: str, expected: str) -> None:
    assert replaced(text) == expected


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("es", "54362315K"),
        ("es", "54.362.315-K"),
        ("en", "NIE: X-2482300-W"),
        ("fr", "2 95 10 99 126 111 93"),
        ("en", "n° de sécurité sociale 295109912611193"),
        ("it", "RCCMNL83S18D969H"),
        ("it", "rccmnl83s18d969h"),
        ("de", "Steuer-ID 36574261809"),
        ("de", "36 574 261 809"),
        ("nl", "BSN: 111222333"),
        ("en", "85.07.30-033.28"),
        ("pl", "44051401359"),
        ("sv", "880320-0016"),
        ("fi", "131052-308T"),
        ("fi", "131052A308T"),
        ("da", "211062-5629"),
        ("no", "15108695088"),
        ("is", "120174-3399"),
        ("en", "390.533.447-05"),
        ("pt", "39053344705"),
        ("es", "20-05536168-2"),
        ("es", "12.531.909-2"),
        ("es", "BOXW310820HNERXN09"),
        ("hi", "2341 2341 2346"),
        ("hi", "२३४१ २३४१ २३४६"),
        ("en", "Aadhaar no. 234123412346"),
        ("zh", "11010519491231002X"),
        ("zh", "身份证360426199101010071"),
        ("ja", "マイナンバーは６２１４９８３２０２５７"),
        ("ko", "971013-1019902"),
        ("tr", "17291716060"),
        ("en", "SSN 536-90-4399"),
        ("en", "536-90-4399"),
        ("en", "756.9217.0769.85"),
        ("th", "1-2345-45678-78-1"),
        ("th", "๓๑๐๐๖๐๐๔๔๕๖๓๕"),
        ("ru", "112-233-445 95"),
        ("fa", "کد ملی ۰۰۱۳۵۴۲۴۱۹"),
        ("he", "ת.ז. 039337423"),
        ("ur", "34201-0891231-8"),
        ("en", "NHS number 943 476 5870"),
        ("en", "SIN 123-456-782"),
        ("es-MX", "54362315K"),
    ],
)
def test_national_identity_numbers_are_replaced(locale: str, text: str) -> None:
    _, counts = private_data(pa.array([text]), [locale])

    assert {name: column[0].as_py() for name, column in counts.items() if column[0].as_py()} == {
        "num_national_ids": 1
    }


LOOK_ALIKES = {
    "dates": (
        "On 2024.01.02, 02.01.2024, 2024-01-02T03:04:05+01:00, 1/2/2024, 20240102, 31-12-1999 and 12.31.99"
    ),
    "dates in other digits": "٠٢/٠١/٢٠٢٤ و۱۴۰۲/۱۰/۱۲, २ जनवरी २०२४, २०२४-०१-०२, ๒๕๖๗-๐๑-๐๒, ２０２４年１月２日＋１",
    "times": "12:30:45, 00:01:02.345, 07.30-18.00 Uhr, 1:02:03.456789",
    "prices": (
        "1,234,567.89 € or +12.50 $ or +5 %, 1.234.567,89 EUR, "
        "12 345 678 ₽, $1234567890, ₹12,34,56,789, 1234567 €"
    ),
    "differences": "+10 000 000, +12 000 000, + 1 000 000, +100,000 people",
    "populations": "3 466 164 Einwohner, 3.664.088 indbyggere, 106460000 km, 1 234 567 890 personnes",
    "versions": (
        "version 1.2.3.4, v10.20.30.40, Release 2.0.10.1, 版本 11.22.33.44, "
        "версия 10.20.30.41, 3.1.4.15926, 1.2.3.4.5"
    ),
    "sections": "Section 1.2.3.4 and § 4.3.2.1, § 14.3.12.1, Art. 11.12.13.14, 256.1.1.1",
    "private networks": (
        "127.0.0.1, 10.1.2.3, 192.168.0.10, 172.16.0.1, 172.31.255.255, 0.0.0.0, 8.8.8.8, 255.255.255.0"
    ),
    "books": (
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, ISBN-10: 0306406152, "
        "ISBN9783161484100, ISSN 2049-3630, EAN 4006381333931"
    ),
    "catalogues": (
        "LCCN 46006290, OCLC 1023456789, PMID 12345678, arXiv:1305.3647, "
        "doi:10.1000/182, 10.1038/s41586-020-2649-2"
    ),
    "orders": (
        "Order #4111111111111112, no. 1234567890, invoice 2024-0001234, "
        "Rechnung 2024/0900-12, AZ 12 O 345/20, 订单号：1234567890123"
    ),
    "coordinates": (
        "48.8583736, 2.2944813; 52°31′12″N 13°24′18″E; 40.7127837,-74.0059413; 35.689487/139.691711"
    ),
    "code": (
        "x = 0x7fffffff; a[1234567] = 1234567890123456; foo(2147483647, "
        "-9223372036854775808); 1e10; std::cout; 0755"
    ),
    "hashes": (
        "d41d8cd98f00b204e9800998ecf8427e, "
        "da39a3ee5e6b4b0d3255bfef95601890afd80709, 550e8400-e29b-41d4-a716-446655440000"
    ),
    "colours and keys": "#12345678, rgb(255, 255, 255), A1B2C3D4E5F6, 12345-67890-ABCDE-FGHIJ",
    "scores": "21-19, 19-21, 21-15; 6-4 7-6 6-3; 101-99; 3:2, 25-23 25-20 22-25",
    "years": "1914-1918, 1939–1945, 2001 2002 2003 2004 2005 2006, (1879–1955), 2010/2011, 2013 (570/1000",
    "page ranges": "pp. 1234-5678, S. 100–1000, 1024–1031, vol. 12, 345-678, 10. 162–219 (1–8",
    "verses": "John 3:16-17, Ps 119:105, Gen 1:1–2:3, 1 Cor 13:4-8; 2:255, 18:1-10",
    "chemistry": (
        "CAS 7732-18-5, 58-08-2, 1,2-dichloroethane, C12H22O11, "
        "2-(4-isobutylphenyl)propanoic acid, pH 7 1234567"
    ),
    "mathematics": (
        "3.14159265358979, 2^31 = 2147483648, 1.602176634×10−19, 123456789 × 987654321 = 121932631112635269"
    ),
    "statistics": "0.123456789 (0.0123456), p = 0.000012345, 95 % CI 0.005–0.025, 12 345 678 ± 1 234",
    "long numbers": "1234567890123456789012345678901234567890, 12345678, 0900123456789, 1234567890",
    "tables": "1234 5678 9012 3456 7890\n12 34 56 78 90 12 34\n100 200 300 400 500 600 700",
    "postcodes": "12345-6789, 01234-567, 110 001, SW1A 1AA, 100-0001 東京都, 〒150-0002",
    "standards": "ISO 8601-1:2019, IEC 60068-2-14, RFC 2822, DIN 1234-5678, IEEE 802.11ax, EN 50160:2010",
    "vehicles and flights": "B 12 345, AB-123-CD, LH1234567, WVWZZZ1JZXW000001, IMEI 490154203237518",
    "wrong check digits": (
        "DE88 3704 0044 0532 0130 00, 4111 1111 1111 1112, 54362315A, 390.533.447-06, RCCMNL83S18D969I"
    ),
    "sums": "total = a+123456789 + b, UTC+05:30, C++17, +1, 5+123456789, (+3) 1234",
    "keycaps": "1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣9️⃣",
    "timestamps": "1609459200, 1609459200000, 20240102030405, 2024010203040506",
    "identifiers": (
        "id=4111111111111111, /users/4111111111111111/, 1234567890123456789, status/1234567890123456789"
    ),
}


@pytest.mark.parametrize(
    "locale", ["en", "de", "fr", "es", "hi", "ja", "zh", "ar", "pl", "pt", "no", "ru", "th"]
)
@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_what_only_looks_like_private_data_is_left_alone(name: str, locale: str) -> None:
    assert replaced(LOOK_ALIKES[name], locale) == LOOK_ALIKES[name]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 111\ufe0f\u20e31",
        "4111 1111 1111 1111\ufe0f\u20e3",
        "DE89 3704 0044 0532 0130 00\u0301",
        "+44 20 7946 0958\u20e3",
        "192.0.2.17\u0301",
        "2001:db8::1:2:3\u200d",
        "54362315K\u0323",
        "390.533.447-05\ufe0f",
        "a@مثال.موقع\u200c.",
    ],
)
def test_what_ends_inside_a_character_is_no_match(text: str) -> None:
    assert replaced(text, "es") == text


def test_every_kind_is_counted_per_document() -> None:
    texts = pa.array(
        [
            "a@example.org b@example.org 192.0.2.1",
            "nothing here",
            "+1 212 555 0100, <email> and <ip-address>",
            "DE89370400440532013000 4111111111111111 536-90-4399",
        ]
    )

    replaced, counts = private_data(texts, ["en"] * 4)

    assert replaced.to_pylist() == [
        "<email> <email> <ip-address>",
        "nothing here",
        "<phone-number>, <email> and <ip-address>",
        "<iban> <payment-card> <national-id>",
    ]
    assert {name: column.to_pylist() for name, column in counts.items()} == {
        "num_emails": [2, 0, 0, 0],
        "num_ip_addresses": [1, 0, 0, 0],
        "num_phone_numbers": [0, 0, 1, 0],
        "num_ibans": [0, 0, 0, 1],
        "num_payment_cards": [0, 0, 0, 1],
        "num_national_ids": [0, 0, 0, 1],
    }
    assert {column.type for column in counts.values()} == {pa.int32()}


def test_kinds_to_be_kept_are_only_counted() -> None:
    texts = pa.array(["a@example.org, DE89 3704 0044 0532 0130 00, 192.0.2.1"])

    kept, counts = private_data(texts, ["en"], keep=["email", "iban"])

    assert kept.to_pylist() == ["a@example.org, DE89 3704 0044 0532 0130 00, <ip-address>"]
    assert [counts[name][0].as_py() for name in ("num_emails", "num_ibans", "num_ip_addresses")] == [1, 1, 1]


def test_a_batch_of_which_all_is_kept_is_the_very_same_array() -> None:
    texts = pa.array(["a@example.org"])

    kept, counts = private_data(texts, ["en"], keep=list(s.PRIVATE_DATA))

    assert kept is texts
    assert counts["num_emails"].to_pylist() == [1]


def test_a_batch_without_private_data_is_the_very_same_array() -> None:
    texts = pa.array(["Section 1.2.3.4", "漢字", ""])

    assert private_data(texts, ["en", "ja", "und"])[0] is texts


def test_an_empty_batch_has_empty_counts() -> None:
    texts, counts = private_data(pa.array([], pa.string()), [])

    assert (len(texts), [len(column) for column in counts.values()]) == (0, [0] * 6)


def test_a_number_that_a_placeholder_brings_near_to_a_word_is_found_in_the_same_call() -> None:
    text = "Tel. +44 20 7946 0958 ext. twelve; or 912 345 678"

    once = replaced(text, "es")

    assert once == "Tel. <phone-number> ext. twelve; or <phone-number>"
    assert replaced(once, "es") == once
