"""The languages of the sample: how much of each, and the words with which its Wikipedia is built."""

from dataclasses import dataclass
from typing import Final

from dataprep.sample.sentences import TOPICS


@dataclass(frozen=True, slots=True)
class SampleLanguage:
    """One language of the sample.

    Attributes:
        code: BCP 47.
        weight: share of documents, 1 on average over the languages.
        category: name of the category namespace.
        file: name of the file namespace.
        template: name of the template namespace.
        talk: name of the talk namespace.
        references: heading above the footnotes.
        topics: names of `sentences.TOPICS`, in their order; headings and categories.
    """

    code: str
    weight: float
    category: str
    file: str
    template: str
    talk: str
    references: str
    topics: tuple[str, ...]

    def topic(self, name: str) -> str:
        """The language's word for one of `sentences.TOPICS`."""
        return self.topics[TOPICS.index(name)]


def _row(code: str, weight: float, namespaces: str, references: str, topics: str) -> SampleLanguage:
    """A language; namespaces and topics are separated by commas."""
    category, file, template, talk = namespaces.split(",")
    words = tuple(topics.split(","))
    return SampleLanguage(code, weight, category, file, template, talk, references, words)


LANGUAGES: Final[dict[str, SampleLanguage]] = {
    row.code: row
    for row in (
        _row(
            "ar", 1.0, "تصنيف,ملف,قالب,نقاش", "المراجع",
            "الطبخ,الطقس,السفر,العلوم,المنزل,الموسيقى,التاريخ,الرياضة,الطبيعة,العمل",
        ),
        _row(
            "bn", 0.5, "বিষয়শ্রেণী,চিত্র,টেমপ্লেট,আলাপ", "তথ্যসূত্র",
            "রান্না,আবহাওয়া,ভ্রমণ,বিজ্ঞান,ঘরবাড়ি,সঙ্গীত,ইতিহাস,খেলাধুলা,প্রকৃতি,কাজ",
        ),
        _row(
            "de", 1.6, "Kategorie,Datei,Vorlage,Diskussion", "Einzelnachweise",
            "Kochen,Wetter,Reisen,Wissenschaft,Wohnen,Musik,Geschichte,Sport,Natur,Arbeit",
        ),
        _row(
            "en", 2.2, "Category,File,Template,Talk", "References",
            "Cooking,Weather,Travel,Science,Home,Music,History,Sport,Nature,Work",
        ),
        _row(
            "es", 1.6, "Categoría,Archivo,Plantilla,Discusión", "Referencias",
            "Cocina,Clima,Viajes,Ciencia,Hogar,Música,Historia,Deporte,Naturaleza,Trabajo",
        ),
        _row(
            "fr", 1.6, "Catégorie,Fichier,Modèle,Discussion", "Références",
            "Cuisine,Météo,Voyages,Science,Maison,Musique,Histoire,Sport,Nature,Travail",
        ),
        _row(
            "he", 0.6, "קטגוריה,קובץ,תבנית,שיחה", "הערות שוליים",
            "בישול,מזג אוויר,טיולים,מדע,בית,מוזיקה,היסטוריה,ספורט,טבע,עבודה",
        ),
        _row(
            "hi", 0.7, "श्रेणी,चित्र,साँचा,वार्ता", "सन्दर्भ",
            "खाना,मौसम,यात्रा,विज्ञान,घर,संगीत,इतिहास,खेल,प्रकृति,काम",
        ),
        _row(
            "id", 0.9, "Kategori,Berkas,Templat,Pembicaraan", "Referensi",
            "Masakan,Cuaca,Perjalanan,Sains,Rumah,Musik,Sejarah,Olahraga,Alam,Pekerjaan",
        ),
        _row(
            "it", 1.2, "Categoria,File,Template,Discussione", "Note",
            "Cucina,Tempo,Viaggi,Scienza,Casa,Musica,Storia,Sport,Natura,Lavoro",
        ),
        _row(
            "ja", 1.3, "Category,ファイル,Template,ノート", "脚注",
            "料理,天気,旅行,科学,住まい,音楽,歴史,スポーツ,自然,仕事",
        ),
        _row(
            "ko", 0.9, "분류,파일,틀,토론", "각주",
            "요리,날씨,여행,과학,집,음악,역사,스포츠,자연,일",
        ),
        _row(
            "mr", 0.45, "वर्ग,चित्र,साचा,चर्चा", "संदर्भ",
            "स्वयंपाक,हवामान,प्रवास,विज्ञान,घर,संगीत,इतिहास,खेळ,निसर्ग,काम",
        ),
        _row(
            "nl", 1.1, "Categorie,Bestand,Sjabloon,Overleg", "Bronnen",
            "Koken,Weer,Reizen,Wetenschap,Wonen,Muziek,Geschiedenis,Sport,Natuur,Werk",
        ),
        _row(
            "pl", 1.1, "Kategoria,Plik,Szablon,Dyskusja", "Przypisy",
            "Gotowanie,Pogoda,Podróże,Nauka,Dom,Muzyka,Historia,Sport,Przyroda,Praca",
        ),
        _row(
            "pt", 1.2, "Categoria,Ficheiro,Predefinição,Discussão", "Referências",
            "Culinária,Tempo,Viagens,Ciência,Casa,Música,História,Esporte,Natureza,Trabalho",
        ),
        _row(
            "ru", 1.5, "Категория,Файл,Шаблон,Обсуждение", "Примечания",
            "Кулинария,Погода,Путешествия,Наука,Дом,Музыка,История,Спорт,Природа,Работа",
        ),
        _row(
            "sv", 0.8, "Kategori,Fil,Mall,Diskussion", "Källor",
            "Matlagning,Väder,Resor,Vetenskap,Hem,Musik,Historia,Sport,Natur,Arbete",
        ),
        _row(
            "ta", 0.45, "பகுப்பு,படிமம்,வார்ப்புரு,பேச்சு", "மேற்கோள்கள்",
            "சமையல்,வானிலை,பயணம்,அறிவியல்,வீடு,இசை,வரலாறு,விளையாட்டு,இயற்கை,வேலை",
        ),
        _row(
            "te", 0.37, "వర్గం,దస్త్రం,మూస,చర్చ", "మూలాలు",
            "వంట,వాతావరణం,ప్రయాణం,విజ్ఞానం,ఇల్లు,సంగీతం,చరిత్ర,క్రీడలు,ప్రకృతి,పని",
        ),
        _row(
            "th", 0.7, "หมวดหมู่,ไฟล์,แม่แบบ,พูดคุย", "อ้างอิง",
            "อาหาร,อากาศ,การเดินทาง,วิทยาศาสตร์,บ้าน,ดนตรี,ประวัติศาสตร์,กีฬา,ธรรมชาติ,การทำงาน",
        ),
        _row(
            "tr", 0.9, "Kategori,Dosya,Şablon,Tartışma", "Kaynakça",
            "Mutfak,Hava,Gezi,Bilim,Ev,Müzik,Tarih,Spor,Doğa,İş",
        ),
        _row(
            "uk", 0.8, "Категорія,Файл,Шаблон,Обговорення", "Примітки",
            "Кулінарія,Погода,Подорожі,Наука,Дім,Музика,Історія,Спорт,Природа,Робота",
        ),
        _row(
            "ur", 0.37, "زمرہ,فائل,سانچہ,تبادلۂ خیال", "حوالہ جات",
            "پکوان,موسم,سفر,سائنس,گھر,موسیقی,تاریخ,کھیل,فطرت,کام",
        ),
        _row(
            "vi", 0.9, "Thể loại,Tập tin,Bản mẫu,Thảo luận", "Tham khảo",
            "Nấu ăn,Thời tiết,Du lịch,Khoa học,Nhà cửa,Âm nhạc,Lịch sử,Thể thao,Thiên nhiên,Công việc",
        ),
        _row(
            "zh", 1.4, "Category,File,Template,Talk", "参考资料",
            "烹饪,天气,旅行,科学,家居,音乐,历史,体育,自然,工作",
        ),
    )
}  # fmt: skip
