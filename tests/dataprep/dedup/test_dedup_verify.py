from pathlib import Path

import pytest
from dedup_helpers import write_documents
from pyspark.sql import SparkSession

from dataprep.dedup.verify import shingles, with_jaccard
from dataprep.sample.reference import jaccard

# A text and one made from it, per script: a word replaced, left out or put in; case, marks or punctuation changed.
PAIRS = {
    "Latin": (
        "The ferry leaves the island at seven, and the last bus waits for it by the old harbour wall.",
        "The ferry leaves the island at eight, and the last BUS waits for it by the old harbour wall!",
    ),
    "Latin with apostrophes": (
        "L'été, qu'on attend depuis l'hiver, n'arrive jamais quand on l'espère au bord de la mer.",
        "L'été, qu'on attend depuis l'hiver, n'arrive pas quand on l'espère au bord de la mer.",
    ),
    "Cyrillic": (
        "Утром мы пошли на рынок за хлебом и яблоками, а потом долго сидели у реки и молчали.",
        "Утром мы пошли на рынок за хлебом и грушами, а потом долго сидели у реки и молчали.",
    ),
    "Arabic": (
        "ذهب الأولاد إلى المدرسة في الصباح الباكر ثم عادوا إلى البيت مع غروب الشمس متعبين جدا",
        "ذهب الأولاد إلى المدرسة في الصباح ثم عادوا إلى البيت مع غروب الشمس متعبين جدا",
    ),
    "Hebrew": (
        "הילדים הלכו לים בבוקר, אכלו אבטיח על החוף וחזרו הביתה לפני שירד הגשם הראשון של הסתיו.",
        "הילדים הלכו לים בבוקר, אכלו אבטיח קר על החוף וחזרו הביתה לפני שירד הגשם הראשון של הסתיו.",
    ),
    "Devanagari": (
        "सुबह हम बाज़ार गए और वहाँ से ताज़ी सब्ज़ियाँ, दूध और रोटी लेकर धीरे धीरे घर लौट आए।",
        "सुबह हम बाज़ार गए और वहाँ से ताज़ी सब्ज़ियाँ, दही और रोटी लेकर धीरे धीरे घर लौट आए।",
    ),
    "Tamil": (
        "காலையில் நாங்கள் சந்தைக்குச் சென்று பழங்கள் வாங்கி மாலையில் பேருந்தில் வீட்டுக்குத் திரும்பி வந்தோம்",
        "காலையில் நாங்கள் சந்தைக்குச் சென்று காய்கள் வாங்கி மாலையில் பேருந்தில் வீட்டுக்குத் திரும்பி வந்தோம்",
    ),
    "Han": (
        "早上我们去市场买了新鲜的蔬菜和水果,然后坐在河边喝茶,一直聊到太阳下山才回家。",
        "早上我们去市场买了新鲜的蔬菜和面包,然后坐在河边喝茶,一直聊到太阳下山才回家。",
    ),
    "Kana": (
        "あさ早く市場へ行って、野菜とくだものを買い、川のそばでお茶を飲みながらゆっくり話しました。",
        "あさ早く市場へ行って、野菜とくだものを買い、海のそばでお茶を飲みながらゆっくり話しました。",
    ),
    "Hangul": (
        "아침에 우리는 시장에 가서 채소와 과일을 사고 강가에 앉아 해가 질 때까지 이야기를 나누었다",
        "아침에 우리는 시장에 가서 채소와 빵을 사고 강가에 앉아 해가 질 때까지 이야기를 나누었다",
    ),
    "Thai": (
        "ตอนเช้าเราไปตลาดเพื่อซื้อผักและผลไม้สดแล้วนั่งดื่มชาริมแม่น้ำจนพระอาทิตย์ตกดินจึงกลับบ้าน",
        "ตอนเช้าเราไปตลาดเพื่อซื้อผักและขนมปังสดแล้วนั่งดื่มชาริมแม่น้ำจนพระอาทิตย์ตกดินจึงกลับบ้าน",
    ),
    "no word in common": (
        "One two three four five six seven eight nine ten.",
        "Eins zwei drei vier fünf sechs sieben acht neun zehn.",
    ),
    "the same but for case and punctuation": (
        "Ja, das ist so. Wirklich, ganz ehrlich!",
        "ja das ist so wirklich ganz EHRLICH",
    ),
    "shorter than a shingle": ("Zwei Worte", "Zwei Wörter"),
    "nothing to compare": ("…", "!!!"),
}


@pytest.fixture(scope="module")
def recorded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float]]:
    """Similarity of each pair as the pipeline computes it; the two texts lie in different files."""
    folder = tmp_path_factory.mktemp("verify")
    for part in (0, 1):
        write_documents(folder, {("web", name): texts[part] for name, texts in PAIRS.items()}, part=part)
    wanted = [(100 * part + row, part, row) for part in (0, 1) for row in range(len(PAIRS))]
    pairs = [(100 + row, row, name) for row, name in enumerate(PAIRS)]

    sets = shingles(
        spark.createDataFrame(wanted, "node long, part int, row int"), str(folder / "documents"), partitions=3
    )
    rows = with_jaccard(spark.createDataFrame(pairs, "node long, centre long, name string"), sets).collect()
    return [(row["name"], row["jaccard"]) for row in rows]


def test_every_pair_gets_one_similarity_and_keeps_its_columns(recorded: list[tuple[str, float]]) -> None:
    assert sorted(name for name, _ in recorded) == sorted(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_the_similarity_is_that_of_plain_sets_of_shingles(
    name: str, recorded: list[tuple[str, float]]
) -> None:
    assert dict(recorded)[name] == jaccard(*PAIRS[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no word in common", 0.0),
        ("the same but for case and punctuation", 1.0),
        ("shorter than a shingle", 0.0),
        ("nothing to compare", 0.0),
        ("Cyrillic", 8 / 18),  # 17 words give 13 shingles, of which a replaced word in the middle touches 5
    ],
)
def test_the_similarity_is_the_one_worked_out_by_hand(
    name: str, expected: float, recorded: list[tuple[str, float]]
) -> None:
    assert dict(recorded)[name] == expected


def test_only_the_wanted_rows_are_read(spark: SparkSession, tmp_path: Path) -> None:
    texts = {("web", str(row)): f"text number {row} of a short file with some rows" for row in range(6)}
    write_documents(tmp_path, texts)
    wanted = spark.createDataFrame([(7, 0, 4), (8, 0, 1)], "node long, part int, row int")

    rows = shingles(wanted, str(tmp_path / "documents"), partitions=1).collect()

    assert sorted((row["node"], len(row["shingles"])) for row in rows) == [(7, 6 * 8), (8, 6 * 8)]
