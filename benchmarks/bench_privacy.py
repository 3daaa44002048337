# ruff: noqa: E501 (tables are read by rows)
"""Private data: what is found of what is there, what is found that is not, and what the search costs.

    MAGISTER_REALDATA=… python -m benchmarks.bench_privacy --before 64efcbd --output docs/results/privacy.md

Positives are made here and put into sentences of many languages; clean text is that of the real samples, and random
numbers in the forms that texts have them. With `--before`, the version of that commit is measured in the same run.
"""

import argparse
import datetime
import random
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from types import ModuleType
from typing import Final

import phonenumbers
import pyarrow as pa
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType
from stdnum import luhn

from benchmarks.bench_kernels import ALPHABETS, documents
from benchmarks.common import machine_facts, markdown_table, publish
from dataprep import schema as s
from dataprep.annotate.arrow_pass import annotate_documents
from dataprep.annotate.normalise import normalise
from dataprep.annotate.privacy.national_ids import NATIONAL_IDS
from dataprep.annotate.privacy.phones import REGIONS
from dataprep.annotate.privacy.search import private_data, search
from dataprep.config import PrepareConfig
from dataprep.kernels.arrow_buffers import buffers
from dataprep.kernels.signals import signals
from dataprep.locales import canonical_language
from dataprep.pipeline import annotate_settings
from dataprep.plan import plan_input
from dataprep.sources.record import Document
from dataprep.sources.registry import READERS
from jobs.config import load_config

CONFIG: Final = "configs/dataprep/realdata.yaml"
TATOEBA: Final = "monolingual/tatoeba_laser"
PER_CELL: Final = 300
RANDOM_NUMBERS: Final = 20_000
RUNS: Final = 5
SEED: Final = 1
MAX_TRIES: Final = 200_000

# Name, zero of its digits, the locale of the document, sentences.
LANGUAGES: Final = (
    ("English", "0", "en", ("Please note {}, thank you.", "({})", "{}\nNext line")),
    ("German", "0", "de", ("Überweisung an: {}.", "Bitte {} notieren")),
    ("Russian", "0", "ru", ("Запишите {}.", "вот: {}, спасибо")),
    ("Arabic", "٠", "ar", ("رقم {} للحساب", "سجل {}، شكرا")),
    ("Persian", "۰", "fa", ("شماره {} است", "لطفاً {}؛")),
    ("Hebrew", "0", "he", ("מספר {} כאן", "רשמו: {}.")),
    ("Hindi", "०", "hi", ("खाता {} है।", "यह {}, धन्यवाद")),
    ("Bengali", "০", "bn", ("নম্বর {} দেখুন।", "এটি: {}")),
    ("Tamil", "0", "ta", ("எண் {} ஆகும்.", "இது: {}")),
    ("Thai", "๐", "th", ("เลขที่ {} ครับ", "จด{}ด้วย")),
    ("Chinese", "0", "zh", ("帐号{}，谢谢", "记下：{}。")),
    ("Japanese", "０", "ja", ("番号は{}です。", "（{}）")),
    ("Korean", "0", "ko", ("계좌 {}입니다", "번호: {}.")),
    ("Amharic", "0", "am", ("ቁጥር {}።", "({})")),
)
NAMES: Final = {
    "en": "smith", "de": "jürgen", "ru": "иванова", "ar": "سعاد", "fa": "مهناز", "he": "רחל", "hi": "संजय", "bn": "রহিম",
    "ta": "அருண்", "th": "สมชาย", "zh": "张伟", "ja": "佐藤", "ko": "김철수", "am": "አበበ",
}  # fmt: skip
DOMAINS: Final = {
    "en": "example.org", "de": "müller.example", "ru": "пример.рф", "ar": "مثال.موقع", "fa": "مثال.ایران", "he": "דוגמה.קום",
    "hi": "उदाहरण.भारत", "bn": "উদাহরণ.ভারত", "ta": "உதாரணம்.இந்தியா", "th": "ตัวอย่าง.ไทย", "zh": "例子.中国", "ja": "例え.みんな",
    "ko": "예시.한국", "am": "ምሳሌ.com",
}  # fmt: skip
IBANS: Final = {
    "DE": "18n", "FR": "10n11c2n", "GB": "4a14n", "MT": "4a5n18c", "NO": "11n", "NL": "4a10n", "ES": "20n", "IT": "1a10n12c",
    "PL": "24n", "SA": "2n18c", "TR": "6n16c", "BR": "23n1a1c", "PK": "4a16c", "BE": "12n", "CH": "5n12c", "IL": "19n",
}  # fmt: skip
ISSUERS: Final = (
    ("4", 16),
    ("53", 16),
    ("2223", 16),
    ("37", 15),
    ("6011", 16),
    ("3569", 16),
    ("36", 14),
    ("2200", 16),
)
CARD_GROUPS: Final = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4)}
# Forms of numbers that nobody is told by: each # is a random digit.
NEUTRAL_FORMS: Final = (
    "#######", "########", "#########", "##########", "###########", "############", "#############", "################",
    "###################", "# ### ###", "### ### ###", "#.###.###", "## ### ### ###", "#### ####", "#### #### ####",
    "#### #### #### ####", "###-###-###", "####-####", "##.##.####", "####-##-##", "##/##/####", "0.########", "+# ###",
    "+## ### ###", "+# ### ### ###", "#-###-#####-#", "978-#-###-#####-#", "##-##-##", "#.#.#.#", "##.##.##.##", "###x####",
    "(####) ##", "########A", "A########", "#####-####", "###-##-####",
)  # fmt: skip

PAGE: Final = """\
# Private data

`{command}` on {date};
{facts}.

## What is found of what is there

{per_cell} generated values per cell, each in a sentence of the language (document in that language, digits as below).
Numbers are random but for check digits; telephone numbers are valid in their plan, identity numbers by their law.
Share found and replaced by the right placeholder, with nothing else of the sentence changed.

{recall}

Names and domains of the addresses beyond ASCII are in the language. National telephone numbers are those of the first
country of the language (`REGIONS` in `annotate/privacy/phones.py`): behind a sign for telephone, and without any.
Without one, countries whose numbers look like any other number have none found, by design.

### Identity numbers

{per_cell} random valid numbers in each form: in documents of a language of the country, in English ones, and behind a
word that names them. A form that takes a word is not found without it, by design.

{identities}

## What is found in clean text

Real text as the readers give it, normalised; per million words (characters in scripts without spaces).

{clean}

## Random numbers in the forms of ordinary ones

{random_numbers:,} of each form between words that say nothing: share taken for private data, in documents of five
languages. Check digits are met by chance; this is what is left of them. Forms with none are left out: {harmless}.

{chance}

## What it costs

CPU time of one thread, best of {runs}, MB/s of UTF-8. *Private data*: this step alone; *before*: the same of commit
`{before}` (e-mail, IPv4 and international telephone numbers only); *pass*: the whole annotation pass; *share*: of the
step in the pass.

{cost}
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", help="Markdown file to write the page to as well")
    parser.add_argument(
        "--before", help="commit whose dataprep/annotate/privacy.py is measured beside this one"
    )
    parser.add_argument("--show", action="store_true", help="print everything found in the clean text")
    args = parser.parse_args(argv)
    config = load_config(CONFIG, [], PrepareConfig)
    texts = clean_texts(config)
    if args.show:
        show(texts)
        return
    chance, harmless = chance_table()
    page = PAGE.format(
        command=shlex.join(["python", "-m", "benchmarks.bench_privacy", *(argv or sys.argv[1:])]),
        date=datetime.datetime.now(datetime.UTC).date(),
        facts=machine_facts("phonenumberslite", "python-stdnum", "pyarrow", "numba"),
        per_cell=PER_CELL,
        recall=recall_table(),
        identities=identity_table(),
        clean=clean_table(texts),
        random_numbers=RANDOM_NUMBERS,
        chance=chance,
        harmless=", ".join(f"`{form}`" for form in harmless),
        runs=RUNS,
        before=args.before,
        cost=cost_table(texts, config, previous(args.before) if args.before else None),
    )
    publish(page, args.output)


# --- positives --------------------------------------------------------------------------------------------------------


def account(draw: random.Random) -> str:
    """A valid account number in groups of four or in none."""
    country, structure = draw.choice(sorted(IBANS.items()))
    parts, size = [], ""
    for character in structure:
        if character.isdigit():
            size += character
            continue
        alphabet = {"n": digits, "a": ascii_uppercase, "c": digits + ascii_uppercase}[character]
        parts.append("".join(draw.choices(alphabet, k=int(size))))
        size = ""
    body = "".join(parts)
    number = "".join(str(int(each, 36)) for each in f"{body}{country}00")
    whole = f"{country}{98 - int(number) % 97:02d}{body}"
    return draw.choice([whole, " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))])


def card(draw: random.Random) -> str:
    """A valid card number, as printed or without groups."""
    prefix, size = draw.choice(ISSUERS)
    body = prefix + "".join(draw.choices(digits, k=size - len(prefix) - 1))
    whole = body + luhn.calc_check_digit(body)
    groups, at = [], 0
    for length in CARD_GROUPS[size]:
        groups.append(whole[at : at + length])
        at += length
    return draw.choice([whole, " ".join(groups), "-".join(groups)])


def ascii_address(draw: random.Random) -> str:
    """An e-mail address in ASCII."""
    name = ".".join(
        "".join(draw.choices(ascii_lowercase, k=draw.randint(2, 8))) for _ in range(draw.randint(1, 2))
    )
    tag, host = draw.choice(["", "+news", "_1", "99"]), draw.choice(["mail.", ""])
    return f"{name}{tag}@{host}example.{draw.choice(['com', 'de', 'org'])}"


def ip_address(draw: random.Random) -> str:
    """A public address of version 4 or 6."""
    if draw.random() < 0.5:
        return f"203.{draw.randint(10, 255)}.{draw.randint(0, 255)}.{draw.randint(0, 255)}"
    return ":".join(
        f"{draw.randint(0x2000, 0x3FFF) if not place else draw.randint(1, 0xFFFF):x}" for place in range(8)
    )


def telephone(draw: random.Random, region: str) -> PhoneNumber:
    """A random number that is valid in the plan of a region."""
    kind = draw.choice([PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE])
    example = phonenumbers.example_number_for_type(region, kind)
    for _ in range(100):
        national = str(example.national_number)
        changed = national[:-4] + "".join(draw.choices(digits, k=4))
        number = PhoneNumber(
            country_code=example.country_code,
            national_number=int(changed),
            italian_leading_zero=example.italian_leading_zero,
        )
        if phonenumbers.is_valid_number(number):
            return number
    return example


def values(locale: str, name: str) -> dict[str, Callable[[random.Random], tuple[str, str]]]:
    """Per column of the table: a maker of (what is written, kind)."""
    region = REGIONS[locale][0]

    def phone(form: int, before: str = "") -> Callable[[random.Random], tuple[str, str]]:
        return lambda draw: (
            before + phonenumbers.format_number(telephone(draw, region), form),
            "phone_number",
        )

    return {
        "e-mail": lambda draw: (ascii_address(draw), "email"),
        "e-mail, own script": lambda draw: (
            f"{name}{draw.choice(['', '.', '_'])}{draw.randint(1, 99)}@{DOMAINS[locale]}",
            "email",
        ),
        "IP": lambda draw: (ip_address(draw), "ip_address"),
        "phone, +": phone(PhoneNumberFormat.INTERNATIONAL),
        "phone, ☎": phone(PhoneNumberFormat.NATIONAL, "☎ "),
        "phone, bare": phone(PhoneNumberFormat.NATIONAL),
        "IBAN": lambda draw: (account(draw), "iban"),
        "card": lambda draw: (card(draw), "payment_card"),
    }


def recall_table() -> str:
    """Share found, per language and kind."""
    rows = []
    header: list[str] = []
    for language, zero, locale, sentences in LANGUAGES:
        shift = {ord("0") + value: ord(zero) + value for value in range(10)}
        cells = []
        for column, make in values(locale, NAMES[locale]).items():
            draw = random.Random(f"{SEED} {language} {column}")
            # Addresses are written with ASCII digits everywhere.
            digit_table = {} if column.startswith(("e-mail", "IP")) else shift
            made = [make(draw) for _ in range(PER_CELL)]
            wanted, given = [], []
            for written, kind in made:
                sentence = draw.choice(sentences)
                sign, _, rest = written.rpartition("☎ ")
                sign += "☎ " if sign or written.startswith("☎") else ""
                given.append(sentence.format(sign + rest.translate(digit_table)))
                wanted.append(sentence.format(sign + _PLACEHOLDER[kind]))
            replaced, _ = private_data(pa.array(given), [locale] * len(given))
            cells.append(
                percent(sum(a == b for a, b in zip(replaced.to_pylist(), wanted, strict=True)) / PER_CELL)
            )
            header = list(values(locale, ""))
        rows.append([language, zero, *cells])
    return markdown_table(["language", "0", *header], rows, text_columns=2)


_PLACEHOLDER: Final = {
    "email": "<email>",
    "ip_address": "<ip-address>",
    "phone_number": "<phone-number>",
    "iban": "<iban>",
    "payment_card": "<payment-card>",
}


def identity_table() -> str:
    """Share found, per country and form, in its language, in English, and behind a word."""
    rows = []
    for row in NATIONAL_IDS:
        draw = random.Random(f"{SEED} {row.country} {row.words}")
        locale = row.locales.split()[0] if row.locales else "en"
        word = row.words.split()[0].replace("_", " ") if row.words else ""
        for shape in filter(None, ",".join((row.unmistakable, row.usual, row.named)).split(",")):
            numbers = list(_valid(draw, shape, row.is_valid))
            cells = [_share(numbers, "x {} y", locale), _share(numbers, "x {} y", "en")]
            cells.append(_share(numbers, f"x {word}: {{}} y", locale) if word else "")
            rows.append([row.country, f"`{shape}`", locale, *cells])
    return markdown_table(
        ["country", "form", "language", "its language", "English", "behind a word"], rows, text_columns=3
    )


def _valid(draw: random.Random, shape: str, is_valid: Callable[[str], bool]) -> Iterator[str]:
    """Random valid numbers in a form; at most PER_CELL, fewer where they are hard to hit."""
    parts = list(_split(shape))
    size = sum(int(part) for part in parts if part.isdigit())
    found = 0
    for _ in range(MAX_TRIES):
        number = "".join(draw.choices(digits, k=size))
        # Birthdays and prefixes are hit more often when months and days are drawn from their range.
        number = (
            draw.choice(_STARTS).format(number[0:2], draw.randint(1, 12), draw.randint(1, 28), number[6:])[
                :size
            ]
            if size >= 9
            else number
        )
        if len(number) == size and is_valid(number):
            yield "".join(_taken(number, parts))
            found += 1
            if found == PER_CELL:
                return


_STARTS: Final = (
    "{0}{1:02d}{2:02d}{3}",
    "{2:02d}{1:02d}{0}{3}",
    "1{0}{1:02d}{2:02d}{3}",
    "{0}{3}{2:02d}{0}{1:02d}",
    "756{0}{3}{0}",
    "784199{0}{3}",
    "20{0}{3}",
    "110105195{1:02d}{2:02d}{3}{0}",
    "1985{1:02d}{2:02d}{3}",
)


def _split(shape: str) -> Iterator[str]:
    number = ""
    for character in shape:
        if character.isdigit():
            number += character
            continue
        yield from (number, character)
        number = ""
    yield number


def _taken(number: str, parts: list[str]) -> Iterator[str]:
    at = 0
    for part in parts:
        if part.isdigit():
            yield number[at : at + int(part)]
            at += int(part)
        else:
            yield part


def _share(numbers: list[str], sentence: str, locale: str) -> str:
    if not numbers:
        return "none made"
    _, counts = private_data(
        pa.array([sentence.format(number) for number in numbers]), [locale] * len(numbers)
    )
    return percent(sum(map(bool, counts[s.PRIVATE_DATA["national_id"]].to_pylist())) / len(numbers))


# --- clean text -------------------------------------------------------------------------------------------------------

Texts = dict[str, tuple[pa.StringArray, list[str]]]  # by source: texts in normal form, and their languages


def clean_texts(config: PrepareConfig) -> Texts:
    """The real samples, by source: what the readers give, and Tatoeba's sentences."""
    found: dict[str, list[tuple[str, str]]] = {}
    for split in plan_input(config).splits:
        for record in READERS[split.format].read(split):
            if isinstance(record, Document):
                language = canonical_language(record.language) or "und"
                found.setdefault(split.source, []).append((record.text, language))
    for path in sorted((Path(config.input_root) / TATOEBA).glob("tatoeba.*")):
        code = path.name.rpartition(".")[2]
        if code != "eng":
            text = path.read_text(encoding="utf-8")
            found.setdefault("tatoeba", []).append((text, canonical_language(code) or "und"))
    del found["mc4"]  # The same news as in the CC-100 layout.
    return {
        source: (
            normalise(pa.array([text for text, _ in rows]), repair_mojibake=True)[0],
            [code for _, code in rows],
        )
        for source, rows in sorted(found.items())
    }


def clean_table(texts: Texts) -> str:
    """What was found per million words, per source and kind."""
    rows = []
    for source, (column, locales) in texts.items():
        words = int(signals(*buffers(column))["num_units"].sum())
        counts = Counter(kind for _, found in search(column, locales) for _, _, kind in found)
        cells = [
            f"{counts[kind]} ({counts[kind] * 1e6 / words:.1f})" if counts[kind] else "0"
            for kind in s.PRIVATE_DATA
        ]
        rows.append([source, f"{len(column):,}", f"{words / 1e6:.2f}", *cells])
    header = ["source", "documents", "million words", *s.PRIVATE_DATA]
    return markdown_table([each.replace("_", " ") for each in header], rows)


def show(texts: Texts) -> None:
    """Print what was found in the clean text, with some of what is around it."""
    for source, (column, locales) in texts.items():
        for document, found in search(column, locales):
            text = column[document].as_py().encode()
            for begin, end, kind in found:
                before = text[max(0, begin - 60) : begin].decode(errors="ignore")
                after = text[end : end + 30].decode(errors="ignore")
                print(
                    source,
                    locales[document],
                    kind,
                    repr(before),
                    f"[[{text[begin:end].decode()}]]",
                    repr(after),
                )


def chance_table() -> tuple[str, list[str]]:
    """Share of random numbers taken for private data, per form and language; and the forms without any."""
    draw = random.Random(SEED)
    languages = ("en", "de", "es", "hi", "zh")
    rows, harmless = [], []
    for form in NEUTRAL_FORMS:
        numbers = [
            "".join(
                draw.choice("123456789" if not at else digits)
                if character == "#"
                else draw.choice(ascii_uppercase)
                if character == "A"
                else character
                for at, character in enumerate(form)
            )
            for _ in range(RANDOM_NUMBERS)
        ]
        kinds: Counter[str] = Counter()
        shares = []
        for locale in languages:
            column = pa.array([f"und {number} mehr" for number in numbers])
            _, counts = private_data(column, [locale] * len(numbers))
            by_kind = {
                kind: sum(map(bool, counts[name].to_pylist())) for kind, name in s.PRIVATE_DATA.items()
            }
            kinds.update(by_kind)
            shares.append(sum(by_kind.values()) / RANDOM_NUMBERS)
        if any(shares):
            rows.append(
                [
                    f"`{form}`",
                    ", ".join(kind.replace("_", " ") for kind, n in kinds.most_common() if n),
                    *map(percent, shares),
                ]
            )
        else:
            harmless.append(form)
    return markdown_table(["form", "taken for", *languages], rows, text_columns=2), harmless


# --- cost -------------------------------------------------------------------------------------------------------------


def previous(commit: str) -> ModuleType:
    """The step as it was at a commit."""
    command = ["git", "show", f"{commit}:dataprep/annotate/privacy.py"]
    source = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    module = ModuleType("previous_privacy")
    exec(compile(source, command[-1], "exec"), module.__dict__)
    return module


def cost_table(texts: Texts, config: PrepareConfig, before: ModuleType | None) -> str:
    """Speed of the step and of the pass on real text by source and on random words by script."""
    columns = {
        f"real: {source}": (column, locales)
        for source, (column, locales) in texts.items()
        if len(column) > RUNS
    }
    for script, (letters, separator) in ALPHABETS.items():
        made = pa.array(documents(letters, separator, seed=1))
        columns[f"random words: {script}"] = (made, ["und"] * len(made))
    settings = annotate_settings(config)
    rows = []
    for name, (column, locales) in columns.items():
        megabytes = sum(map(len, (text.encode() for text in column.to_pylist()))) / 1e6
        if megabytes < 1:
            continue
        step = best(lambda column=column, locales=locales: private_data(column, locales))
        old = best(lambda column=column: before.private_data(column, replace=True)) if before else None
        inputs = [
            Document(str(number), text, language=code)
            for number, (text, code) in enumerate(zip(column.to_pylist(), locales, strict=True))
        ]
        whole = best(
            lambda inputs=inputs: annotate_documents(
                inputs, source="s", file="f", part=0, first_row=0, settings=settings
            )
        )
        rows.append(
            [
                name,
                f"{megabytes:.1f}",
                f"{megabytes / old:.0f}" if old else "",
                f"{megabytes / step:.0f}",
                f"{megabytes / whole:.0f}",
                percent(step / whole),
            ]
        )
    return markdown_table(["text", "MB", "before", "private data", "pass", "share"], rows)


def best(call: Callable[[], object]) -> float:
    """CPU seconds of the fastest of RUNS calls, after one that is not counted."""
    call()
    times = []
    for _ in range(RUNS):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return min(times)


def percent(fraction: float) -> str:
    """A share in per cent, exact where it is none or all."""
    if fraction in (0, 1):
        return f"{100 * fraction:.0f} %"
    return f"{100 * fraction:.2f} %" if fraction < 0.1 else f"{100 * fraction:.1f} %"


if __name__ == "__main__":
    main()
