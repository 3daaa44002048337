"""Private data: what is replaced, and what only looks like it."""

import pyarrow as pa
import pytest

from dataprep.annotate.privacy import private_data, replace_private_data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna.b+news@example.org.", "Write to <email>."),
        ("<a@example.org>,b@mail.example.co.uk", "<<email>>,<email>"),
        ("联系abc@example.org吧", "联系<email>吧"),
        ("ติดต่อa@example.orgครับ", "ติดต่อ<email>ครับ"),
        ("راسلنا على a@example.org؟", "راسلنا على <email>؟"),
        ("Пишите:info@example.org;", "Пишите:<email>;"),
    ],
)
def test_email_addresses_are_replaced_in_every_script(text: str, expected: str) -> None:
    assert replace_private_data(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 192.0.2.1.", "from <ip-address>."),
        ("http://203.0.113.77:8080/x", "http://<ip-address>:8080/x"),
        ("172.32.0.1 or 198.51.100.0/24", "<ip-address> or <ip-address>/24"),
        ("地址192.0.2.10是", "地址<ip-address>是"),
        ("Kyiv 192.0.2.1", "Kyiv <ip-address>"),
    ],
)
def test_public_ip_addresses_are_replaced(text: str, expected: str) -> None:
    assert replace_private_data(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call +1 212-555-0100 now", "Call <phone-number> now"),
        ("+44 20 7946 0958", "<phone-number>"),
        ("tel:+442079460958.", "tel:<phone-number>."),
        ("+49 (30) 901-820", "<phone-number>"),
        ("电话+442079460958。", "电话<phone-number>。"),
        ("โทร+66 2 123 4567ครับ", "โทร<phone-number>ครับ"),
    ],
)
def test_international_phone_numbers_are_replaced(text: str, expected: str) -> None:
    assert replace_private_data(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "On 2024.01.02, 02.01.2024 and 2024-01-02T03:04:05+01:00",
        "1,234,567.89 € or +12.50 $ or +5 %",
        "version 1.2.3.4, v10.20.30.40, Release 2.0.10.1",
        "3.1.4.15926 and 1.2.3.4.5 and 256.1.1.1",
        "Section 1.2.3.4 and § 4.3.2.1",
        "127.0.0.1, 10.1.2.3, 192.168.0.10, 172.16.0.1, 172.31.255.255, 0.0.0.0, 8.8.8.8",
        "DE89 3704 0044 0532 0130 00",
        "user@localhost, @handle, a @ b, foo@bar",
        "total = a+123456789 + b",
        "UTC+05:30, C++17, +1",
        "0900 123456 and 1234567890123456",
        "@property\ndef f(x): return x @ w.T",
        "２０２４年１月２日＋１",
    ],
)
def test_dates_prices_versions_code_and_private_networks_are_left_alone(text: str) -> None:
    assert replace_private_data(text) == (text, 0, 0, 0)


def test_every_kind_is_counted_per_document() -> None:
    texts = pa.array(
        ["a@example.org b@example.org 192.0.2.1", "nothing here", "+1 212 555 0100, <email> and <ip-address>"]
    )

    replaced, counts = private_data(texts, replace=True)

    assert replaced.to_pylist() == [
        "<email> <email> <ip-address>",
        "nothing here",
        "<phone-number>, <email> and <ip-address>",
    ]
    assert {name: column.to_pylist() for name, column in counts.items()} == {
        "num_emails": [2, 0, 0],
        "num_ip_addresses": [1, 0, 0],
        "num_phone_numbers": [0, 0, 1],
    }
    assert {column.type for column in counts.values()} == {pa.int32()}


def test_private_data_is_only_counted_when_it_is_to_be_kept() -> None:
    texts = pa.array(["a@example.org"])

    kept, counts = private_data(texts, replace=False)

    assert kept is texts
    assert counts["num_emails"].to_pylist() == [1]


def test_a_batch_without_private_data_is_the_very_same_array() -> None:
    texts = pa.array(["Section 1.2.3.4", "漢字", ""])

    assert private_data(texts, replace=True)[0] is texts


def test_an_empty_batch_has_empty_counts() -> None:
    texts, counts = private_data(pa.array([], pa.string()), replace=True)

    assert (len(texts), [len(column) for column in counts.values()]) == (0, [0, 0, 0])
