"""English feedback is served however short it is; texts in other languages are recognised on real evidence."""

import subprocess
import sys
import time

import pytest

from vocservice.text.language import Language, identify

FOREIGN = {
    "de": [
        "Der Kundendienst war sehr unfreundlich",
        "Die App stürzt ständig ab",
        "Lieferung kam viel zu spät",
        "Ich habe drei Wochen auf mein Geld gewartet und niemand im Kundenservice konnte mir sagen, warum es so lange dauert.",
    ],
    "fr": [
        "Le service client est nul",
        "Livraison rapide et personnel aimable",
        "Très déçu par cette commande",
        "J'ai attendu plus de trois semaines mon remboursement et personne au service client ne pouvait me dire pourquoi c'était si long.",
    ],
    "es": [
        "El pedido llegó muy tarde",
        "La aplicación no funciona bien",
        "Muy mal servicio al cliente",
        "He esperado más de tres semanas mi reembolso y nadie en atención al cliente me ha podido explicar por qué tarda tanto.",
    ],
    "it": [
        "Il cibo era freddo ieri",
        "Servizio clienti pessimo e lento",
        "L'applicazione non funziona più",
        "Ho aspettato più di tre settimane il rimborso e nessuno del servizio clienti ha saputo dirmi perché ci vuole così tanto tempo.",
    ],
    "pt": [
        "O aplicativo não funciona bem",
        "A entrega chegou muito atrasada",
        "Péssimo atendimento ao cliente",
        "Esperei mais de três semanas pelo meu reembolso e ninguém no atendimento ao cliente soube me dizer por que demora tanto.",
    ],
    "nl": [
        "De app werkt niet goed",
        "De bezorging was veel te laat",
        "Slechte klantenservice, nooit meer hier",
        "Ik heb meer dan drie weken op mijn geld gewacht en niemand van de klantenservice kon me vertellen waarom het zo lang duurt.",
    ],
    "sv": [
        "Appen fungerar inte alls längre",
        "Leveransen kom alldeles för sent",
        "Jag väntade i tre veckor på mina pengar och ingen på kundtjänst kunde förklara varför det tog så lång tid.",
    ],
    "da": [
        "Appen virker slet ikke mere",
        "Jeg ventede i tre uger på mine penge, og ingen i kundeservice kunne fortælle mig, hvorfor det tog så lang tid.",
    ],
    "no": [
        "Appen fungerer ikke i det hele tatt",
        "Jeg ventet i tre uker på pengene mine, og ingen på kundeservice kunne forklare meg hvorfor det tok så lang tid.",
    ],
    "fi": [
        "Sovellus ei toimi enää ollenkaan",
        "Toimitus oli aivan liian myöhässä",
        "Odotin rahojani kolme viikkoa eikä kukaan asiakaspalvelussa osannut kertoa minulle, miksi siinä kesti niin kauan aikaa.",
    ],
    "pl": [
        "Aplikacja w ogóle nie działa",
        "Dostawa przyszła dużo za późno",
        "Czekałem na zwrot pieniędzy ponad trzy tygodnie i nikt w biurze obsługi klienta nie potrafił mi powiedzieć, czemu to tak długo trwa.",
    ],
    "cs": [
        "Aplikace mi vůbec nefunguje",
        "Zásilka přišla příliš pozdě domů",
        "Na vrácení peněz jsem čekal více než tři týdny a nikdo na zákaznické lince mi nedokázal říct, proč to tak dlouho trvá.",
    ],
    "tr": [
        "Uygulama artık hiç çalışmıyor maalesef",
        "Sipariş çok geç geldi bana",
        "Param için üç haftadan fazla bekledim ve müşteri hizmetlerinde kimse bana bunun neden bu kadar uzun sürdüğünü söyleyemedi.",
    ],
    "id": [
        "Aplikasi ini tidak bisa dibuka",
        "Pengiriman barang sangat lambat sekali",
        "Saya sudah menunggu lebih dari tiga minggu untuk pengembalian uang dan tidak ada orang di layanan pelanggan yang bisa menjelaskan.",
    ],
    "ro": [
        "Aplicația nu mai funcționează deloc",
        "Comanda a ajuns foarte târziu",
        "Am așteptat mai mult de trei săptămâni banii înapoi și nimeni de la serviciul clienți nu a putut să-mi spună de ce durează.",
    ],
    "hu": [
        "Az alkalmazás egyáltalán nem működik",
        "A csomag nagyon későn érkezett",
        "Több mint három hetet vártam a pénzemre, és az ügyfélszolgálaton senki sem tudta megmondani, hogy miért tart ez ilyen sokáig.",
    ],
    "vi": [
        "Ứng dụng này không hoạt động",
        "Tôi đã chờ hơn ba tuần để được hoàn tiền và không ai ở bộ phận chăm sóc khách hàng có thể giải thích tại sao.",
    ],
    "ru": [
        "Приложение вообще не работает",
        "Доставка пришла слишком поздно",
        "Ужасно",
        "Я ждал возврата денег больше трёх недель, и никто в службе поддержки не смог объяснить мне, почему это так долго.",
    ],
    "uk": [
        "Застосунок зовсім не працює в мене",
        "Я чекав на повернення грошей понад три тижні, і ніхто у службі підтримки не міг пояснити мені, чому це так довго.",
    ],
    "el": [
        "Η εφαρμογή δεν λειτουργεί καθόλου",
        "Περίμενα πάνω από τρεις εβδομάδες για τα χρήματά μου και κανείς στην εξυπηρέτηση δεν μπορούσε να μου πει γιατί.",
    ],
    "ar": [
        "التطبيق لا يعمل على الإطلاق",
        "انتظرت أكثر من ثلاثة أسابيع لاسترداد أموالي ولم يستطع أحد في خدمة العملاء أن يخبرني لماذا يستغرق الأمر كل هذا الوقت.",
    ],
    "he": [
        "האפליקציה לא עובדת בכלל אצלי",
    ],
    "hi": [
        "यह ऐप बिल्कुल काम नहीं करता",
        "मैंने अपने पैसे के लिए तीन हफ्ते से ज्यादा इंतजार किया और ग्राहक सेवा में कोई मुझे नहीं बता सका कि इतना समय क्यों लगा।",
    ],
    "th": [
        "แอปนี้ใช้งานไม่ได้เลย",
    ],
    "zh": [
        "这个应用完全打不开",
        "客服态度很差，等了三个星期才退款，没有人能告诉我为什么这么久。",
    ],
    "ja": [
        "アプリが全然動きません",
        "返金を三週間以上待ちましたが、カスタマーサービスの誰も理由を説明できませんでした。",
    ],
    "ko": [
        "앱이 전혀 작동하지 않아요",
    ],
}

FEW_WORDS = {
    "de": [
        "Sehr gut",
        "Danke schön",
        "Schlechter Service",
        "Alles super",
        "Nicht gut",
        "Gut",
        "Super Qualität",
        "Leider zu teuer",
        "Nichts",
    ],
    "fr": ["Très bien", "Tres bien", "Merci beaucoup", "Bon service", "Produit horrible", "Trop cher", "Rien", "Je recommande", "Mauvais"],
    "es": ["Me encanta", "Pésimo servicio", "Servicio horrible", "Muy bueno", "Gracias", "No funciona", "Mal servicio", "Todo perfecto"],
    "it": ["Molto bene", "Ottimo servizio", "Tutto ok", "Niente", "Grazie mille", "Troppo caro"],
    "pt": ["Muito bom", "Tudo bem", "Péssimo serviço", "Não gostei", "Obrigado"],
    "nl": ["Heel goed", "Slechte service", "Niet goed", "Te duur", "Zeer tevreden", "Slecht product"],
    "sv": ["Mycket bra", "Tack så mycket", "Jättebra", "Inte bra"],
    "da": ["Meget god", "Rigtig godt", "Virker ikke"],
    "no": ["Veldig bra", "Takk", "Kjempebra app"],
    "pl": ["Bardzo dobrze", "Dziękuję", "Polecam!", "Zła obsługa"],
    "fi": ["Erittäin hyvä", "Kiitos 👍👍", "Huono palvelu"],
    "tr": ["Çok iyi", "Berbat hizmet", "Teşekkürler"],
    "id": ["Sangat bagus", "Terima kasih"],
}

ENGLISH = [
    "Good",
    "ok thx",
    "gr8 app luv it",
    "Nothing",
    "App crashes",
    "DELTA sucks",
    "👍👍",
    "Pizza Margherita",
    "Jean-Luc Dubois",
    "iPhone 12 Pro Max",
    "@VirginX gracias #ilovevegas",
    "Adequate gym facilities.",
    "Top app always happy",
    "too bad .",
    "Lowest price insurance",
    "nothinhg",
    "N/A",
    "meh",
    "very gud servis",
    "Lufthansa Frankfurt Munich",
    "Café Zürich schnitzel delicious",
    "excelent",
    "Excellent!",
    "Fluid and easy",
    "no",
    "No no no",
    "non",
    "sa da tay",
    "Amazing pasta carbonara, prosecco and tiramisu",
    "Individual care plan.",
    "Win win situation",
    "Best app ever",
    "Super fast delivery",
    "Superb",
    "Cheap",
    "Terrific value",
    "User friendly",
    "Poor communication",
    "Staff attitude",
    "Waiting times",
    "Long queues",
    "Ordered online, collected instore",
    "KLM LHR-AMS BA1234",
    "I loved the paella but the sangria was too sweet, muchas gracias",
    "El servicio was great but la comida was cold and nobody helped us",
    "app keeps crashing pls fix asap",
    "awsome aplication",
    "Supper app",
    "Fantastico!",
    "refund plz",
    "woooooow amaaaazing",
    "rip off",
    "ripoff merchants",
    "Overpriced rubbish",
    "Mint",
    "Decent enough app tbh",
    "Flight delayed, luggage lost, zero communication",
    "@some_brand #fail #neveragain",
    "https://example.com/xyz",
    "[HANDLE] [URL]",
    "iPhone15",
    "ORD-12345",
    "Señor Ramón Núñez",
    "123",
    "",
    "   ",
    "!!!",
    "😡😡😡",
    "The déjà vu of a naïve café maître d'",
    "COVID",
    "Is it on?",
    "So so",
    "I was in at an hotel",
    "Хорошо, good app, I love it",
    "Liebe app works great on my phone",
    "Ç",
    "Gut feeling",
    "Bon Jovi",
    "Merci for nothing",
    "Muy good",
    "Terrible service",
    "Horrible",
    "Perfect!",
    "Excellent hotel",
    "Super service",
    "Bra size",
    "Cara Smith",
    "Beri god",
    "Nada",
    "Tak to manager",
    "I waited at gate B12 for Mr Müller (217)",
    "Schiphol gate B12 delayed, 40 minutes",
]

CODE_SWITCHING = [
    ("I ordered the comida but it was cold and nobody helped, muy mal", "en"),
    ("The app is great but der Kundendienst is very slow", "en"),
    ("La comida estaba fría y el camarero muy antipático, never again", "es"),
    ("Die Lieferung kam nach drei Wochen und war kaputt, sorry guys", "de"),
    ("Приложение постоянно вылетает на моём телефоне, fix it", "ru"),
]


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in FOREIGN.items() for text in texts])
def test_other_languages_are_recognised_in_short_and_long_sentences(code: str, text: str) -> None:
    language = identify(text)
    assert language.code == code
    assert not language.is_served
    assert 0 < language.probability <= 1


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in FEW_WORDS.items() for text in texts])
def test_other_languages_are_recognised_in_few_words(code: str, text: str) -> None:
    assert (identify(text).code, identify(f"{text.upper()}!").is_served) == (code, False)


@pytest.mark.parametrize("text", ENGLISH)
def test_short_english_is_never_called_foreign(text: str) -> None:
    assert identify(text).is_served


@pytest.mark.parametrize("text", ["", " ", "123", "👍👍", "!!!", "[URL] @brand #x", "https://example.com"])
def test_text_without_words_is_undetermined(text: str) -> None:
    assert identify(text) == Language("und", 0.0)


@pytest.mark.parametrize("text", ["The delivery was late and nobody told us why", "Great app", "I love this but it keeps crashing"])
def test_plain_english_is_english(text: str) -> None:
    assert identify(text).code == "en"


@pytest.mark.parametrize(("text", "code"), CODE_SWITCHING)
def test_mixed_text_is_english_where_half_of_it_is(text: str, code: str) -> None:
    assert identify(text).code == code


def test_shouting_is_no_language() -> None:
    assert identify("DER KUNDENDIENST WAR SEHR UNFREUNDLICH").code == "de"
    assert identify("THE STAFF WAS VERY RUDE").code == "en"


def test_nothing_is_loaded_at_import() -> None:
    code = "import sys, vocservice.text.language; sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("unit", ["a", "слово ", "palabra ", "ä'", "@a"])
def test_long_text_takes_little_time(unit: str) -> None:
    identify("¿dónde está?")
    start = time.process_time()
    identify(unit * (1_000_000 // len(unit)))
    assert time.process_time() - start < 2


def test_small_words_are_read_without_importing_the_language() -> None:
    assert identify("Der Kundendienst war leider sehr unfreundlich").code == "de"
    assert "spacy.lang.de" not in sys.modules
