"""Words that tell close languages apart: function words and a few everyday ones, from our knowledge of the languages.

A classifier that saw a hundred times more of one language than of its neighbour answers with the frequent one. The
commonest words of the two differ, though, and they are known. Within a group, a word counts for every language that
lists it, so a word that all of them share tells nothing and one that some share tells these from the rest. Languages
that the model has no label for (Tigrinya, Faroese, Magahi, ...) are in a group because it would take them for a member.

Han characters are words of their own here. Forms are case-folded; letters and marks only.
"""

from typing import Final

# --- Scandinavian -----------------------------------------------------------------------------------------------------
_BOKMAL: Final = """
 ikke jeg hva hvordan hvorfor hvem noe noen mye fra av å være vært også bare nå gjøre når deg meg seg hvor
 ble blir de hun uten mellom mer og er på for som til med et en har den det dette disse han vi dere eller må
 skal vil kan opp ut etter dem sin sitt sine alle gjør gikk sa sier vet liker aldri hjem nei jo
"""
_DANISH: Final = """
 ikke jeg hvad hvordan hvorfor hvem noget nogen meget fra af at være været også bare nu gøre når dig mig sig
 hvor blev bliver de hun uden mellem mere og er på for som til med et en har den det dette disse han vi jer
 eller må skal vil kan op ud efter dem sin sit sine alle gør gik sagde siger ved kun lige hjem nej jo kunne
 ville ønsker
"""
_NYNORSK: Final = """
 ikkje eg kva korleis kvifor kven noko nokon nokre mykje frå av å vere vore òg også berre no gjere gjera når
 deg meg seg kor vart blei blir dei ho utan mellom meir og er på for som til med eit ein har den det dette
 desse han vi me de dykk eller må skal vil kan opp ut etter sin sitt sine alle kvar gjer gjekk sa seier veit
 likar aldri heim nei jo korkje ikkje mi di skulle kunne ville
"""
_SWEDISH: Final = """
 inte jag vad hur varför vem något någon några mycket från av att vara varit också bara nu göra när dig mig
 sig var blev blir de hon utan mellan mer och är på för som till med ett en har den det detta dessa han vi
 ni eller måste ska skall vill kan upp ut efter dem sin sitt sina alla gör gick sade säger vet aldrig hem
 nej jo där här
"""
_FAROESE: Final = """
 ikki eg hvat hvussu hví hvør hvørji nakað nakar nógv frá av at verið eisini bert nú gera tá teg meg seg
 hvar varð verður teir tær tey hon uttan millum meira og er á fyri sum til við eitt ein hevur hava tann tað
 hetta hesi hann vit tit ella skal vil kann upp út eftir sín sítt øll ein hvør ger fór segði sigur veit
 ongantíð heim nei jú ið hesum honum
"""
_ICELANDIC: Final = """
 ekki ég hvað hvernig hvers hver eitthvað einhver mikið mjög frá af að verið líka bara nú gera þegar þig mig
 sig hvar varð verður þeir þær þau hún án milli meira og er á fyrir sem til við eitt einn hefur hafa sá það
 þetta þessi hann við þið eða skal vil getur upp út eftir sinn sitt allir gerir fór sagði segir veit aldrei
 heim nei jú eru ekkert honum
"""
# --- South Slavic, Latin and Cyrillic ---------------------------------------------------------------------------------
_WEST_SOUTH_SLAVIC: Final = """
 i je u da se na za su nije kako koji koja koje kao sam si će bi ako tako sve mogu ja ili ne još već po od
 do iz sa s smo ste bio bila bilo ima nema ovo to taj ova ovaj njegov njegova njen moj moja tvoj on ona oni
 nas vas njih nema treba samo danas sutra jučer imam imaš imaju kad zašto
"""
_IJEKAVIAN: Final = """
 gdje vrijeme vremena mjesto mjesta dijete djeca djece uvijek prije poslije čovjek čovjeka ljudi cijeli
 cijela cijelo riječ riječi svijet svijeta svijetu mlijeko djelo djela mjera sljedeći sljedeća vidjeti vidio
 vidjela živjeti željeti volio voljela razumjeti razumijem ovdje negdje nigdje svugdje lijepo lijep lijepa
 dvije njemački njemu ljeto zahtjev rješenje rješenja mijenjati promijeniti primjer primjena vrijedi
 vrijednost bijel bijela snijeg sjever vjerojatno htjela htio naprijed povijest obavijest odjeća djevojka
 djevojke djevojčica medvjed nedjelja ponedjeljak srijeda osjeća osjećam sjećam sjediti posjetiti umjesto
 dijela dijelu dio vješt
"""
_CROATIAN: Final = (
    _WEST_SOUTH_SLAVIC
    + _IJEKAVIAN
    + """
 tko što netko nitko itko tjedan tjedna tisuća tisuće uopće općenito kruh kruha vlak vlaka zrak točno točka
 točku nogomet sveučilište glazba glazbu glazbe siječanj veljača ožujak travanj svibanj lipanj srpanj
 kolovoz rujan listopad studeni prosinac unatoč tijekom također suradnja suradnju sustav sustava tvrtka
 obitelj obitelji tvornica uvjet uvjeti uvjetima povijest sigurnost opći opća općina budući čimbenik
 pravodobno glede putem djelatnost nijekati ovjera posve promidžba zemljopis kolodvor zrakoplov računalo
 računala rajčica grah vrhnje juha žlica dvadesetak hvala jučer napraviti poduzeti sukladno pučanstvo
 razvitak izravno nazočan ćeš
"""
)
_BOSNIAN: Final = (
    _WEST_SOUTH_SLAVIC
    + _IJEKAVIAN
    + """
 ko šta neko niko iko sedmica sedmice hiljada hiljadu uopšte uopće hljeb hljeba voz zrak vazduh tačno tačka
 tačku fudbal univerzitet muzika muziku januar februar mart april maj juni juli august septembar oktobar
 novembar decembar uprkos tokom također saradnja saradnju sistem sistema firma porodica porodice fabrika
 uslov uslovi uslovima historija historije općina lahko mehko kahva kahve kafa hajde izvještaj avion
 aerodrom računar paradajz supa kašika opći napraviti
"""
)
_SERBIAN_LATIN: Final = (
    _WEST_SOUTH_SLAVIC
    + """
 gde vreme mesto mesta dete deca dece uvek pre posle čovek čoveka ceo cela celo reč reči svet sveta svetu
 mleko delo dela mera sledeći sledeća videti video videla živeti želeti voleo volela razumeti razumem ovde
 negde nigde svugde lepo lep lepa dve nemački leto zahtev rešenje rešenja menjati promeniti primer primena
 vredi vrednost beo bela sneg sever verovatno htela hteo napred obaveštenje odeća devojka devojke devojčica
 medved nedelja nedelje ponedeljak sreda oseća osećam sećam sedeti posetiti umesto delu deo ko šta neko niko
 iko hiljada hiljadu uopšte hleb hleba voz vazduh tačno tačka tačku fudbal univerzitet muzika muziku januar
 februar mart april maj jun jul avgust septembar oktobar novembar decembar uprkos tokom takođe saradnja
 saradnju sistem sistema firma porodica porodice fabrika uslov uslovi uslovima istorija istorije opština
 opšti bezbednost obezbediti juče kafa hajde izveštaj avion aerodrom računar paradajz supa kašika
"""
)
_SLOVENIAN: Final = """
 in je v da se na za so ni kako kateri katera ki kot sem si bo bi če tako vse lahko jaz ali ne še že po od
 do iz z s smo ste bil bila bilo ima nima to ta ti njegov njen moj moja tvoj on ona oni nas vas jih treba
 samo danes jutri včeraj imam imajo kje kdo kaj nekaj nekdo nihče kdaj ko zakaj ker zelo tudi pa pri bom boš
 bodo rad rada hočem potem več čas svet človek mora gre kar pred med otrok
"""
_CYRILLIC: Final = dict(
    zip(
        ["lj", "nj", "dž", *"abvgdđežzijklmnoprstćufhcčš"],
        ["љ", "њ", "џ", *"абвгдђежзијклмнопрстћуфхцчш"],
        strict=True,
    )
)


def _in_cyrillic(words: str) -> str:
    """Serbian words in the other alphabet; letter for letter, digraphs first."""
    for latin, cyrillic in _CYRILLIC.items():
        words = words.replace(latin, cyrillic)
    return words


# --- Malay ------------------------------------------------------------------------------------------------------------
_MALAYIC: Final = """
 yang dan di ke dari ini itu dengan untuk tidak akan pada dalam adalah saya dia mereka kami kita ada juga
 oleh atau seperti sudah telah sangat orang hari tahun apa siapa mana bagaimana jika
"""
_INDONESIAN: Final = (
    _MALAYIC
    + """
 bisa karena bahwa uang mobil kantor polisi coba mencoba berbeda beda butuh membutuhkan kemarin besok pria
 teman saja cuma hanya senin selasa rabu kamis jumat sabtu minggu maret juni juli agustus desember inggris
 prancis jerman kualitas aktivitas universitas fasilitas identitas televisi informasi perusahaan pemerintah
 rusak usia sepeda bis apakah mengapa nggak enggak gak tak anda kalian kalau ketika saat sekali sekarang
 bekerja kerja ingin mau masalah merupakan maupun pun setelah serta sedang sehingga hingga sebuah seorang
 seseorang lalu lagi tersebut para kepada dia bagus mudah sulit rumah agama kelompok gratis tiap setiap
 beberapa melihat pakai memakai tadi nanti ayah ibu
"""
)
_MALAY: Final = (
    _MALAYIC
    + """
 boleh kerana bahawa wang kereta pejabat polis cuba mencuba berbeza beza perlu memerlukan semalam esok
 lelaki kawan sahaja hanya isnin selasa rabu khamis jumaat sabtu ahad mac jun julai ogos disember inggeris
 perancis kualiti aktiviti universiti kemudahan identiti televisyen maklumat syarikat kerajaan rosak umur
 basikal bas adakah mengapa kenapa tak awak anda kalau apabila bila ketika masa sekarang bekerja kerja
 hendak mahu nak ialah merupakan mahupun pun selepas serta sedang supaya sehingga sebuah seorang seseorang
 lalu lagi tersebut daripada kepada ia beliau susah rumah ugama agama kumpulan percuma tiap setiap mana
 sebarang beberapa tengok pakai memakai tadi nanti ayah emak bapa macam ke mereka perlulah pihak
"""
)
# --- Czech and Slovak -------------------------------------------------------------------------------------------------
_CZECH: Final = """
 a v na se je to z do s o ale že jsem jsi jsou jsme byl byla bylo být není co kdo kde kdy když jak proč
 protože který která které nebo také taky pouze více méně ještě jen jenom již už můj moje tvůj jeho její
 jejich mně mě tebe tě mi ti ve při podle před mezi bude budou může mohu můžu musí musím chci chce chtěl mám
 máš nemám nemá dnes zítra včera dobře velmi všechno všichni něco někdo nic nikdo nikdy tom tento tato toto
 této má člověk lidé rád ráda děti dům čas tady tam vždy vždycky prosím děkuji jíst víc měl měla viděl řekl
 jdu jde let
"""
_SLOVAK: Final = """
 a v na sa je to z do s o ale že som si sú sme bol bola bolo byť nie čo kto kde kedy keď ako prečo pretože
 lebo ktorý ktorá ktoré alebo tiež aj iba viac menej ešte len už môj moja moje tvoj jeho jej ich mne ma teba
 ťa mi ti vo pri podľa pred medzi bude budú môže môžem musí musím chcem chce chcel mám máš nemám nemá dnes
 zajtra včera dobre veľmi všetko všetci niečo niekto nič nikto nikdy tom tento táto toto tejto má slobody
 človek ľudia rád rada deti dom čas tu tam vždy prosím ďakujem jesť mal mala videl povedal idem ide rokov
"""
# --- Devanagari -------------------------------------------------------------------------------------------------------
_HINDI: Final = """
 है हैं और का की के में से को पर ने यह वह ये वे नहीं था थी थे हो कि भी जो तो एक इस उस लिए किया कर करना करने
 करता करते अपने अपना अपनी साथ या गया हुए हुआ मैं हम तुम आप मुझे मेरा मेरी मेरे उसका उसके उसकी उसे क्या क्यों
 कैसे कहाँ कहा बहुत कोई कुछ सब होता होती होना चाहिए सकता सकते रहा रहे रही तक ही पास गई दिया
"""
_MARATHI: Final = """
 आहे आहेत आणि व मध्ये ला ना हा ही हे नाही होता होती होते की तर एक या त्या साठी केले केला करून करणे आपल्या
 आपले सह किंवा मी आम्ही तू तुम्ही मला माझा माझी माझे त्याचा त्याला त्याने तिने तो ती ते काय का कसे कुठे खूप
 कोणी कोणीही काही सर्व असे असा असणे असून पाहिजे शकत त्यांना पण मग येथे गेला दिला
"""
_NEPALI: Final = """
 छ छन् छैन र को का की मा ले लाई बाट हो होइन थियो थिए थिइन् पनि त एक यस त्यस लागि गर्न गरेको गर्ने गर्छ आफ्नो
 सँग वा गयो म हामी तिमी तपाईं मलाई मेरो उसको के किन कसरी कहाँ धेरै कोही केही सबै यो त्यो उनी ऊ हुन्छ हुने
 भएको पर्छ सक्छ कुनै तर अनि
"""
_BHOJPURI: Final = """
 बा बाटे बाड़े बाड़न आ अउर के में से पर ई ऊ नइखे ना रहे रहल रहली होखे होखी जे त एगो एह ओह खातिर कइल करे
 करेला आपन साथे भा गइल हम रउआ हमरा हमार ओकर ओकरा का काहे कइसे बहुत केहू कवनो कुछ सब सभे होला हवे
"""
_MAITHILI: Final = """
 अछि छैक छल छथि छी आ ओ केर मे में सँ केँ पर ई एहि ओहि नहि जे तँ एक लेल कएल करब अपन संग वा गेल हम अहाँ हमरा
 हुनक हुनका की किएक कोना बहुत केओ कोनो किछु सभ सभक होएत होयत जाहि
"""
_MAGAHI: Final = """
 हे हइ हई हलइ हल आउ अउर के में से पर ई ऊ न नयँ होवे होवऽ होतइ जे त एगो लेल ला कइल करे अपन साथ चाहे गेल हम
 तूँ हमरा ओकर ओकरा का काहे बहुत कोय कउनो कुछ सब सभे
"""
_AWADHI: Final = """
 अहै अहइ है अउर औ कै के मा मां से का पर ई ऊ उ नाहीं नाही न रहा रहे होय होइ जे जौन तौ एक यहि वहि खातिर किहा
 करै आपन साथ गवा हम तू हमका हमार ओकर ओका काहे बहुत कौनो कउनो कुछ सब मोर तोर हौ हई बा बाटे
"""
_SANSKRIT: Final = """
 च अस्ति सन्ति इति न तु एव अपि यत् तत् सः सा ते अहं अहम् त्वं वयं भवति भवन्ति भवतु वा प्रति कृते सह सर्वे
 सर्वः अत्र तस्य तेन किम् कथम् यदि तथा
"""
# --- Iberian ----------------------------------------------------------------------------------------------------------
_PORTUGUESE: Final = """
 não uma um são é os as o a no na nos nas do da dos das ao aos à em com por para que mais muito também foi
 ser estar está você vocês eu ele ela eles seu sua seus suas meu minha isso isto tem ter há pelo pela depois
 ou quem onde como quando já até mesmo nós se de este esta esse nem sem nenhum qualquer me te lhe estou vai
 fazer disse era eram
"""
_GALICIAN: Final = """
 non unha un son é os as o a no na nos nas do da dos das ao aos á en con por para que máis moito moi tamén
 foi ser estar está vostede eu el ela eles seu súa seus súas meu miña iso isto ten ter hai polo pola despois
 ou quen onde como cando xa ata mesmo nós se de este esta ese nin sen ningún calquera me te lle estou vai
 facer dixo era eran ti vostedes hoxe xente cousa aínda logo mellor
"""
_SPANISH: Final = """
 no una un son es los las el la lo en con por para que más mucho muy también fue ser estar está usted
 ustedes yo él ella ellos su sus mi eso esto tiene tener hay del al después o y quien donde como cuando ya
 hasta mismo nosotros se de este esta ese ni sin ningún cualquier me te le estoy va hacer dijo era eran tú
 vosotros hoy gente cosa todavía mejor pero
"""
_ASTURIAN: Final = """
 nun una un son ye los les el la lo en con por pa para que más munchu mui tamién foi ser tar ta usté yo él
 ella ellos so sos mio eso esto tien tener hai del al dempués o y quien onde como cuando yá hasta mesmu nós
 se de esti esta esi nin ensin nengún cualquier me te-y -y toi va facer dixo yera yeren tu güei xente cosa
 entá meyor pero nel na colos
"""
_CATALAN: Final = """
 no una un són és els les el la en amb per que més molt també va ser estar està vostè jo ell ella ells seu
 seva seus meu meva això té tenir hi ha del al després o i qui on com quan ja fins mateix nosaltres es de
 aquest aquesta ni sense cap qualsevol em et li estic fer dir era eren tu avui gent cosa encara millor però
 als dels pel
"""
_OCCITAN: Final = """
 non una un son es los las lo la en amb per que mai plan fòrça tanben foguèt èsser estar vos ieu el ela eles
 son sa sos mon ma aquò a aver i del al après o e qual ont coma quand ja fins meteis nosautres se de aqueste
 aquesta ni sens cap quin me te li soi va far diguèt èra èran tu uèi gent causa encara melhor mas dels pel
"""
# --- East and South Slavic in Cyrillic --------------------------------------------------------------------------------
_RUSSIAN: Final = """
 что не это как он она они был была было быть есть или также его её ее для только если уже когда где кто
 почему меня тебя мне мы вы очень всё все ещё еще из и в на с по к у от до я ты но за так же бы который
 которые этот том
"""
_UKRAINIAN: Final = """
 що не це як він вона вони був була було бути є або також його її для тільки якщо вже коли де хто чому мене
 тебе мені ми ви дуже все ще із з і й в у на та до від я ти але за так ж би який які цей тому по бо
"""
_BELARUSIAN: Final = """
 што не гэта як ён яна яны быў была было быць ёсць або альбо таксама яго яе для толькі калі ўжо дзе хто чаму
 мяне цябе мне мы вы вельмі ўсё яшчэ з і ў у на да ад я ты але за так ж бы які якія мае гэты таму па бо
"""
_BULGARIAN: Final = """
 че не това как той тя те бил била било бъде е или също негов неговата за само ако вече кога къде кой защо
 мен теб ми ние вие много всичко още от и в във на с със по към ще да се са съм си го аз ти но така бих
 който които този беше нещо като при
"""
_MACEDONIAN: Final = """
 дека не тоа како тој таа тие бил била било биде е или исто негов неговата за само ако веќе кога каде кој
 зошто мене тебе ми ние вие многу сè се уште од и во на со по кон кај ќе да сум си го јас ти но така би што
 овој беше нешто при ги му ја
"""
# --- Low Franconian and Low German ------------------------------------------------------------------------------------
_DUTCH: Final = """
 niet ik je jij hij zij ze wij we jullie een het de is zijn was waren heeft hebben heb wordt naar van voor
 met aan op maar ook nog dat die deze dit wat wie waar hoe geen zou kan moet mijn jouw uw hun ons er als dan
 door en of om te in bij zich
"""
_AFRIKAANS: Final = """
 nie ek jy hy sy ons julle hulle n die is was het word na van vir met aan op maar ook nog dat daardie
 hierdie wat wie waar hoe geen sou kan moet my jou u daar as dan deur en of om te in by se baie sal kon wees
 iemand gaan
"""
_LOW_GERMAN: Final = """
 nich ik du he se wi ji en dat de is sünd weer weren hett hebbt heff warrt na vun för mit an op man ok noch
 dit wat well woneem woans keen kann mutt mien dien uns as denn dörch un oder üm to in bi sik dor hier sin
"""
_FRISIAN: Final = """
 net ik do hy sy wy jim in it de is binne wie wiene hat hawwe ha wurdt nei fan foar mei oan op mar ek noch
 dat dy dizze dit wat wa wêr hoe gjin soe kin moat myn dyn jo har ús der as dan troch en of om te by him
"""
# --- Turkic in Latin --------------------------------------------------------------------------------------------------
_TURKISH: Final = """
 bir ve bu için ile değil çok ama ne gibi daha var yok ben sen o biz siz onlar onu bana benim olarak olan
 her kadar sonra şey da de ki mi mı nasıl neden kim hiç ya veya etmek oldu olduğunu şu iki zaman istiyorum
 ediyor
"""
_AZERBAIJANI: Final = """
 bir və bu üçün ilə deyil çox amma nə kimi daha var yox mən sən o biz siz onlar onu mənə mənim olaraq olan
 hər qədər sonra şey də da ki mi necə niyə kim heç ya etmək oldu olduğunu iki vaxt istəyirəm edir isə
"""
_GAGAUZ: Final = """
 bir hem bu deyni ilen diil çok ama ne gibi taa var yok ben sen o biz siz onnar onu bana benim olarak olan
 kadar sora iş da etmää oldu iki lääzım osa
"""
_UZBEK: Final = """
 bir va bu uchun bilan emas juda ammo lekin nima kabi yana bor yoʻq yo q men sen u biz siz ular uni menga
 mening har bir keyin ham qanday nega kim hech yoki qilish edi o shu ikki vaqt
"""
_TURKMEN: Final = """
 bir we bu üçin bilen däl örän emma näme ýaly has bar ýok men sen ol biz siz olar ony maňa meniň her bir soň
 hem nähili näme kim hiç ýa etmek boldy iki wagt
"""
# --- Finnic -----------------------------------------------------------------------------------------------------------
_FINNISH: Final = """
 ja on ei se että hän oli olen ovat mutta kun niin minä sinä me te he tämä mitä joka myös kuin vain ole sen
 hänen minun jos tai kaikki hyvin nyt voi voin eivät ollut tai sekä siitä tästä tomi miksi missä
"""
_ESTONIAN: Final = """
 ja on ei see et ta oli olen aga kui nii mina ma sina sa meie me teie nad mis mida kes ka ainult ole selle
 tema minu kas või kõik väga nüüd võib ning pole olnud seda miks kus mul
"""
_KARELIAN: Final = """
 da on ei se jotta što häi hän oli olen ollah ga konzu muga minä sinä myö työ hyö tämä midä kudai sežo gu
 vai ole sen hänen minun hot libo eli kai ylen nygöi voibi
"""
# --- Others -----------------------------------------------------------------------------------------------------------
_AMHARIC: Final = """
 ነው እና ወይም ላይ ውስጥ ነበር አለ አለው ይህ ያለ ጋር እንደ ግን ናቸው ሁሉ አይደለም በጣም ምን እኔ አንድ
"""
_TIGRINYA: Final = """
 እዩ ኣብ ናይ ከም ምስ ድማ ነቲ ነዚ ወይ ውን እቲ እዚ ኩሉ ዝኾነ ኣይኮነን ናብ ካብ ብዘይ ሓደ ኣለዋ
"""
_TAGALOG: Final = """
 ang ng mga sa na at ay si ni kay hindi ako ikaw ka siya kami tayo kayo sila ito iyan iyon ko mo niya namin
 natin ninyo nila may mayroon wala lang din rin kung para dahil pero kanyang isang kaniyang upang walang
"""
_CEBUANO: Final = """
 ang sa mga og ug nga si ni kang dili ako ikaw ka siya kami kita kamo sila kini kana kadto ko nimo niya namo
 nato ninyo nila adunay wala lang usab kon alang tungod apan iyang usa aron walay gikan
"""
_WARAY: Final = """
 an han mga ngan nga hi ni kan diri ako ikaw hiya kami kita kamo hira ini iton adto ko nimo niya namon naton
 niyo nira may mayda waray la liwat kun para tungod pero iya usa usá ha pagkamay
"""
_HILIGAYNON: Final = """
 ang sang sing sa mga kag nga si ni kay indi ako ikaw ka siya kami kita kamo sila ini ina ato ko mo niya
 namon naton ninyo nila may wala lang man kon para tungod pero iya isa agud
"""
_ENGLISH: Final = """
 the of and to a in is was it for with on as his her he she they that at by from not no are this have has
 had but be been which or all their one who will would could can you your my we our us them there what when
 where why how so if about out up do does did done get go going want wants make more any some than then into
 just like know think time people set show tell me i am please need new
"""
_SCOTS: Final = """
 the o an tae tae a in is wis it for wi on as his her he she thay that at bi frae nae no are this hae haes
 haed but be been whilk or aw thair ane wha will wad coud can ye yer ma we oor us thaim thare whit whan
 whaur hou sae gin aboot oot up ony onie ower intil fae
"""
_ARABIC: Final = """
 الذي التي الذين ليس ليست هذا هذه ذلك تلك لماذا ماذا أن إن لم لن سوف كان كانت هل لكن أنا نحن هو هي هم ما لا
 في من على إلى عن مع أين كيف متى جدا أو كل لقد قد أي عند
"""
_EGYPTIAN: Final = """
 مش ده دي دول اللي ايه إيه عايز عاوز كده كدا علشان عشان بتاع بتاعت احنا إحنا ازاي إزاي ليه فين انا أنا ما لا
 في من على عن مع امتى قوي أوي كل هو هي هما بس مفيش فيه كان إنت انت حد حاجة النهارده دلوقتي بيقول هيكون
"""
_ALGERIAN: Final = """
 واش راني راهي راه راهم رانا بزاف ديال باش هاد هذا كيفاش علاش وين وقتاش ماشي حنا نتا نتي انا أنا ما في من
 على مع كل هو هي هوما غير كاين ماكانش مكاش كان بلي كي نقدر نروح درك ضرك شحال حتى تاع تع اللي لي
"""
_URDU: Final = """
 ہے ہیں اور کا کی کے میں سے کو پر نے یہ وہ نہیں تھا تھی تھے ہو کہ بھی جو تو ایک اس لیے کیا کر اپنے ساتھ یا
 گیا مجھے کیوں بہت کوئی ہر کسی
"""
_WESTERN_PUNJABI: Final = """
 اے نیں تے دا دی دے وچ توں نوں اتے ایہہ ایہ اوہ نئیں سی سن ہو کہ وی جو اک ایس اوس لئی کیتا کر اپنے نال یا
 گیا مینوں کیوں بہت کوئی ہر کسے
"""
_SARAIKI: Final = """
 ہے ہن تے دا دی دے وچ توں کوں اتے اے او کائنی نئیں ہئی ہا ہن جو وی ہک ایں اوں کیتے کیتا کر آپنے نال یا گیا
 میکوں کیوں بہوں کوئی ہر کہیں
"""
_CHINESE: Final = "的 是 不 了 在 这 這 他 她 们 們 没 沒 吗 嗎 很 和 与 與 我 你 那 说 說"
_CANTONESE: Final = "嘅 係 唔 咗 喺 呢 佢 哋 冇 咩 啲 嚟 咁 嗰 俾 我 你 乜 噉 嘢 睇 咪 啱 瞓"
_WU: Final = "個 个 伊 侬 儂 勿 搿 阿 拉 啥 辰 额 額 伐 我 㑚 哉 忒 蛮 蠻 老 交 关 關 覅"
_LITHUANIAN: Final = """
 ir yra kad tai ne aš tu jis ji mes jūs jie bet kaip su iš į apie labai ar buvo turi man kas kur kodėl nuo
 po už savo taip
"""
_LATVIAN: Final = """
 un ir ka tas nav es tu viņš viņa mēs jūs viņi bet kā ar no uz par ļoti vai bija man kas kur kāpēc pēc aiz
 savu jā ne
"""

# Kurdish: the model has one label for what is written in two alphabets.
_NORTHERN_KURDISH: Final = """
 û di de ji bi ku li jî ew ev bo bû ye min te wî wê me we wan çi çima kî kengî gelek an her dike dikin
"""
_CENTRAL_KURDISH: Final = """
 لە بە کە بۆ ئەو ئەم و لەگەڵ هەر هەموو دەکات دەکرێت بوو نییە هەیە من تۆ ئێمە ئێوە ئەوان چی بۆچی کێ کەی زۆر یان
"""

# Romanised Hindi as people write it; spellings vary. Without words that English has too (to, the, me, is).
_ROMANISED_HINDI: Final = """
 hai hain hoon hun tha thi nahi nahin nai kya kyun kyu kyon kaise kahan kahaan kab kaun kitna kitne kitni
 mera meri mere mujhe mujhko hamara hamare humein hume humko tera teri tere tumhara tumhare tumhe aap aapka
 aapke aapko apna apne apni uska uski uske usko usse iska iski iske isko isse unka unke unko inka inke ka ki
 ke ko mein aur ya lekin magar par pe bhi toh jo jab tak kuch koi sab sabhi yeh ye woh wo vo yahan wahan
 liye liya lye karo kare karen karein karna karne karta karte karti karke kar kardo kiya kiye diya diye dena
 dene deta dete dedo dijiye kijiye raha rahi rahe rha rhe rhi gaya gayi gaye jaa jao jana jane jata jaate
 jaane aao aana aaya aayi hoga hogi honge hua hui hue hona hone hota hoti hote wala wale wali sakta sakti
 sakte chahiye chahta chahte chahti batao bataye bata batana bataiye bolo dikhao dikhaye dikhaiye lagao
 lagaye lagana bhejo bheje bhejna bhej rakho rakhe rakhna banao banaye banana suno sunao chalao chalaye abhi
 aaj kal subah shaam raat din baje ghante ghanta saal mahine hafte hafton agle agla agli pichle pichla pehle
 baad saath sath upar niche andar bahar paas yaad dilana dilao dilaye ek teen char paanch chhe saat aath nau
 das se ne nayi naya kripya krpya zara bahut bohot accha acha theek sirf bas phir fir wapas kisi kis kaunsi
 kaunsa kaun
"""

CUES: Final[dict[str, str]] = {
    "af": _AFRIKAANS,
    "am": _AMHARIC,
    "ar": _ARABIC,
    "arq": _ALGERIAN,
    "arz": _EGYPTIAN,
    "ast": _ASTURIAN,
    "awa": _AWADHI,
    "az": _AZERBAIJANI,
    "be": _BELARUSIAN,
    "bg": _BULGARIAN,
    "bho": _BHOJPURI,
    "bs": _BOSNIAN + _in_cyrillic(_BOSNIAN),
    "ca": _CATALAN,
    "ceb": _CEBUANO,
    "ckb": _CENTRAL_KURDISH,
    "cs": _CZECH,
    "da": _DANISH,
    "en": _ENGLISH,
    "es": _SPANISH,
    "et": _ESTONIAN,
    "fi": _FINNISH,
    "fo": _FAROESE,
    "fy": _FRISIAN,
    "gag": _GAGAUZ,
    "gl": _GALICIAN,
    "hi": _HINDI,
    "hi-Latn": _ROMANISED_HINDI,
    "hil": _HILIGAYNON,
    "hr": _CROATIAN,
    "id": _INDONESIAN,
    "is": _ICELANDIC,
    "krl": _KARELIAN,
    "ku": _NORTHERN_KURDISH,
    "lt": _LITHUANIAN,
    "lv": _LATVIAN,
    "mag": _MAGAHI,
    "mai": _MAITHILI,
    "mk": _MACEDONIAN,
    "mr": _MARATHI,
    "ms": _MALAY,
    "nds": _LOW_GERMAN,
    "ne": _NEPALI,
    "nl": _DUTCH,
    "nn": _NYNORSK,
    "no": _BOKMAL,
    "oc": _OCCITAN,
    "pnb": _WESTERN_PUNJABI,
    "pt": _PORTUGUESE,
    "ru": _RUSSIAN,
    "sa": _SANSKRIT,
    "sco": _SCOTS,
    "sk": _SLOVAK,
    "skr": _SARAIKI,
    "sl": _SLOVENIAN,
    "sr": _SERBIAN_LATIN + _in_cyrillic(_SERBIAN_LATIN),
    "sv": _SWEDISH,
    "ti": _TIGRINYA,
    "tk": _TURKMEN,
    "tl": _TAGALOG,
    "tr": _TURKISH,
    "uk": _UKRAINIAN,
    "ur": _URDU,
    "uz": _UZBEK,
    "war": _WARAY,
    "wuu": _WU,
    "yue": _CANTONESE,
    "zh": _CHINESE,
}

GROUPS: Final[tuple[tuple[str, ...], ...]] = (
    ("no", "da", "nn", "sv", "fo", "is"),
    ("hr", "bs", "sr", "sl"),
    ("id", "ms"),
    ("cs", "sk"),
    ("hi", "mr", "ne", "bho", "mai", "mag", "awa", "sa"),
    ("pt", "gl", "es", "ast", "ca", "oc"),
    ("ru", "uk", "be", "bg", "mk"),
    ("nl", "af", "nds", "fy"),
    ("tr", "az", "gag", "uz", "tk"),
    ("fi", "et", "krl"),
    ("am", "ti"),
    ("tl", "ceb", "war", "hil"),
    ("en", "sco"),
    ("ar", "arz", "arq"),
    ("ur", "pnb", "skr"),
    ("zh", "yue", "wuu"),
    ("lt", "lv"),
    ("ku", "ckb"),
)

# Labels of lid.176 that stand for several members of a group, or for one by an older name.
SHARED: Final[dict[str, tuple[str, ...]]] = {"sh": ("hr", "bs", "sr"), "bh": ("bho", "mai", "mag")}
