"""Word tables of meant.py: cues of twelve languages that words are spoken to a person, or to the wearable.

One row a language: English, Spanish, German, French, Portuguese, Italian, Dutch, Russian, Hindi, Arabic; then scripts
without blanks as patterns. Not here: the rules (meant.py), words of questions and commands (phrases.py).
Threads: any; pure.
"""

# The person who is spoken to. Forms that end in an apostrophe are parts of a word: "you're" is "you'" and "re".
SECOND_PERSON = (
    "you|you'|your|yours|yourself|y'|ya",
    (
        "tú|te|ti|contigo|tu|tus|vosotros|os|vuestro|vuestra|usted|ustedes|tienes|quieres|estás|vas|vienes|has"
        "|eres|haces|dices|crees|piensas|necesitas|conoces|vives|trabajas|tenéis|queréis|vais|venís|estáis|sois"
        "|habéis"
    ),
    "du|dich|dir|dein|deine|deinen|deinem|deiner|deins|ihr|euch|euer|eure|euren|eurem|selbst|selber",
    "tu|te|t'|toi|ton|ta|tes|vous|votre|vos",
    "você|vocês|te|ti|teu|tua|tens|queres|contigo|achou|ligou|ficou sabendo|querem|está com|está rindo|topa",
    (
        "tu|ti|te|tuo|tua|tuoi|tue|voi|vi|vostro|vostra|hai|sei|vuoi|vai|stai|fai|avete|siete|volete|passi"
        "|porti|aiuti|dai"
        "|credi|ridi|pensi|senti|dici|esci|prendi|mangi|bevi|lavori|abiti|vivi|conosci|ricordi"
    ),
    "je|jij|jou|jouw|jullie|u|uw",
    "ты|тебя|тебе|тобой|твой|твоя|твои|твоё|твою|вы|вас|вам|вами|ваш|ваша|ваши",
    "तुम|तुम्हें|तुम्हारा|तुम्हारी|तुम्हारे|तुमने|तू|तेरा|आप|आपका|आपकी|आपके|आपको|आपने",
    "أنت|انت|وأنت|وانت|أنتِ|أنتم|انتم|لك|عليك|معك|عندك|بك|إليك|منك",
)
# Verbs of the second person that begin a question, in languages that leave the pronoun out, after any of the words in
# the row before them: "¿me pasas la sal?", "а где живёшь?".
SECOND_PERSON_VERBS = {
    "es": (
        "y|pero|a que|me|te|lo|la|le|no|ya|nos|dónde|cuándo|cómo|de dónde|por qué no|con quién|a qué hora|qué|quién",
        (
            r"(?!es\b|las\b|tres\b|antes|después|entonces|gracias|cuá|otras|unas|todas|además|quizás|más\b|tal\b)"
            r"(?:(?<!qué )\w{2,}[ae]s\b|\w+[áé]is\b|\w+[ai]ste(?:is)?\b)"
        ),
    ),
    "it": (
        "e|ma|mi|ti|lo|non|dove|quando|come|con chi|perché non|che",
        r"\w{2,}(?:ai|eni|uoi|hi|ndi|ngi|rti|ate|ete)\b",
    ),
    "pt": (
        "e|mas|me|te|não|já|onde|quando|como|com quem",
        r"(?!mas\b|as\b|quantas\b|duas\b|todas\b|outras\b|elas\b|estas\b)(?:\w{2,}[ae]s|viu|quer|vem|foi)\b",
    ),
    "ru": (
        "а|и|но|не|где|когда|куда|как|с кем|почему|что|чего|зачем",
        r"(?:\w+(?:ешь|ишь|ёшь|ете|ите|шься|тесь)|слышал\w*|видел\w*)\b",
    ),
    "ar": (
        "هل|ماذا|متى|أين|لماذا|كيف|و",
        r"(?:س?ت(?:ريد|أتي|حب|شرب|أكل|ذهب|فكر|عمل)\w*|وضعت|(?:.*\s)?(?!هناك|ذلك|بنك)\w{2,}ك\b)",
    ),
}
SECOND_PERSON_UNSPACED = "あなた|きみ|君|お前|てくれ|元気|お腹|電話くれ|あげた|置いた|食べたい$|来る$|你|您"
# What one asks a machine with those words: "can you repeat that", "are you sure", "how do you spell it". A verb of the
# next table must follow the first ones, within four words.
CAN_YOU = (
    "can you|could you|would you|will you",
    "puedes|podrías|me puedes|puede usted",
    "kannst du|könntest du|würdest du|können sie|könnten sie",
    "tu peux|peux-tu|tu pourrais|pourrais-tu|pouvez-vous|vous pouvez",
    "você pode|podes|você poderia|poderia",
    "puoi|potresti|mi puoi",
    "kun je|kan je|zou je|kunt u",
    "можешь|ты можешь|вы можете|можете",
    "क्या आप|क्या तुम|आप|तुम",
    "هل يمكنك|ممكن|هل تستطيع",
)
MACHINE_VERBS = (
    (
        "tell|say|repeat|explain|translate|spell|set|remind|add|play|show|find|look|search|check|convert"
        "|calculate|read|write|speak|list|describe|recommend|summarize|define|pronounce|compare|book|cancel"
        "|change|put|make|give|move"
    ),
    (
        "decir|decirlo|decirme|repetir|repetirlo|explicar|explicarlo|explicarme|traducir|traducirlo|poner|ponerlo"
        "|buscar|mostrar|añadir|apuntar|recordar|recordarme|calcular|leer|leerlo|escribir|deletrear|cambiar"
        "|cancelar"
    ),
    (
        "sagen|wiederholen|erklären|übersetzen|buchstabieren|stellen|erinnern|hinzufügen|spielen|zeigen|suchen"
        "|finden|nachsehen|nachschauen|umrechnen|rechnen|vorlesen|schreiben|nennen|aussprechen|verschieben"
        "|löschen|empfehlen"
    ),
    (
        "dire|répéter|redire|expliquer|traduire|mettre|chercher|montrer|ajouter|rappeler|calculer|lire|écrire"
        "|épeler|donner|trouver|annuler|décaler|conseiller"
    ),
    ("dizer|repetir|explicar|traduzir|colocar|procurar|mostrar|adicionar|lembrar|calcular|ler|escrever|soletrar"),
    ("dire|dirmi|ripetere|spiegare|tradurre|mettere|cercare|mostrare|aggiungere|ricordare|calcolare|leggere|scrivere"),
    ("zeggen|herhalen|uitleggen|vertalen|spellen|zetten|herinneren|toevoegen|spelen|zoeken|vinden|rekenen|voorlezen"),
    ("сказать|повторить|объяснить|перевести|поставить|напомнить|добавить|найти|показать|прочитать|посчитать|написать"),
    "बता|बताओ|बताइए|बोल|दोहरा|समझा|अनुवाद|याद|सुना|खोज|दिखा",
    "تقول|تخبرني|تكرر|تشرح|تترجم|تذكرني|تضيف|تبحث|إعادة|شرح|ترجمة",
)
# Whole phrases with a second person that ask a machine, or nobody in particular.
TO_A_MACHINE = (
    (
        "are you sure|can you make it|could you make it|can you give me the|do you know|what do you mean"
        "|do you mean|how do you spell|how do you say"
        "|how do you pronounce|how do you write|how do you make|how do you know|thank you|did you say|you said"
        "|have you set|did you set|what do you recommend|what would you recommend|what do you suggest"
        "|what can you"
    ),
    "estás seguro|estás segura|sabes cuándo|sabes cómo|sabes dónde|qué quieres decir con|me recomiendas",
    (
        "bist du sicher|sind sie sicher|weißt du wie|weißt du wann|weißt du wo|weißt du was|meinst du mit"
        "|danke dir|empfiehlst du|was empfiehlst du"
    ),
    ("tu es sûr|tu es sûre|s'il te plaît|s'il vous plaît|tu sais quand|tu sais comment|tu recommandes|tu conseilles"),
    "tem certeza|tens a certeza|sabe quando|sabe como",
    "sei sicuro|sei sicura|sai quando|sai come|cosa intendi",
    (
        "weet je het zeker|hoe schrijf je|hoe zeg je|hoe spel je|hoe krijg je|hoe maak je|hoe open je|hoe kook je"
        "|ben je zeker|weet je wanneer|weet je hoe"
        "|alsjeblieft|dank je"
    ),
    "ты уверен|ты уверена|вы уверены|ты знаешь",
    "क्या आपको यकीन|आपको पता",
    "هل أنت متأكد|من فضلك|هل تعرف",
)
# Speakers about themselves together, and proposals to each other.
TOGETHER = (
    "we|we'|us|our|ours|let'",
    "nosotros|nos|nuestro|nuestra|vamos|vámonos|tenemos|hacemos",
    "wir|uns|unser|unsere|unseren|unserem|lass|lasst",
    "nous|notre|nos",
    "nós|nosso|nossa|vamos|gente",
    "noi|nostro|nostra|andiamo|abbiamo",
    "we|wij|ons|onze",
    "мы|нас|нам|нами|наш|наша|давай|давайте",
    "हम|हमें|हमारा|हमारी|हमने|चलो",
    "نحن|لنا|معنا|عندنا|هيا",
)
# Verbs by which speakers propose something to each other, in the same form: "¿pedimos una pizza?", "on rentre".
TOGETHER_VERBS = {
    "es": (
        "y|pero|qué|cuándo|dónde|lo|nos|a qué hora|cómo|no",
        r"(?!últimos|próximos|mismos)\w{2,}(?:amos|emos|imos|ámonos)\b",
    ),
    "pt": ("e|mas|que|quando|onde|o que|não", r"\w{2,}(?:amos|emos|imos)\b"),
    "it": ("e|ma|che|quando|dove|cosa|ci|non", r"\w{2,}iamo(?:ci)?\b"),
    "fr": ("et|alors|mais|allez|bon", r"on (?!peut\b|doit\b|dit\b|met\b|l'|appelle\b)\w+"),
    "ru": (
        "а|и|что|когда|где|не",
        r"(?!зачем|чем|почём|как|всем|совсем|потом)(?:\w{3,}(?:ем|ём|им)(?:ся)?|пошли)\b",
    ),
}
TOGETHER_UNSPACED = "私たち|僕たち|俺たち|[こごとのぼもろよ]う[かよね][。？！]?$|我们|咱们|吧[。！]?$|よね|だよ"
# Words of a tale, though one that asks stands in it: "I do not know what he thinks".
TELLING_UNSPACED = "分からない|わからない|知らない|と思う|んだ。|不知道|我是|我觉得|我想"
# People who are called, and whom only people call so.
CALLED = (
    ("mum|mom|mummy|mommy|dad|daddy|honey|sweetie|darling|babe|dude|guys|buddy|mate|bro|sis|grandma|grandpa|sir|ma'am"),
    "mamá|papá|cariño|hijo|hija|tío|tía|chicos|chicas|amor|abuela|señor|señora|hombre|mujer",
    "mama|mami|papa|papi|schatz|schatzi|liebling|alter|oma|opa|mensch|maus|süße",
    "maman|papa|chéri|chérie|mec|gars|mamie|papi|monsieur|madame|loulou",
    "mãe|pai|querido|querida|amor|galera|cara|filho|filha",
    "mamma|papà|tesoro|amore|ragazzi|nonna|signora",
    "mam|mama|pap|papa|schat|lieverd|jongens|oma|opa",
    "мама|мам|папа|пап|дорогой|дорогая|милый|милая|ребята|сынок|бабушка",
    "माँ|मम्मी|पापा|बेटा|बेटी|यार|भाई|दीदी|जी",
    "ماما|بابا|حبيبي|حبيبتي|يا أخي|أمي|أبي",
)
CALLED_UNSPACED = "ママ|パパ|お母さん|お父さん|おばあちゃん|妈妈|爸爸|老公|老婆|亲爱的|奶奶"
# Sounds and words of talk among people.
TALK = (
    (
        "haha|wow|aw|aww|ouch|yeah|yep|yup|nope|oh|ah|gosh|congratulations|congrats|hello|hi|hey|sorry|excuse"
        "|seriously|really|honestly|anyone|anybody|somebody|someone|everybody|guess|remember|apparently"
        "|definitely|may i|could i have|can i have|can i get|would you mind|what's wrong|what's up"
        "|what's the matter|what's going on"
    ),
    (
        "oh|ay|uf|anda|vaya|hola|adiós|perdona|perdone|perdón|enhorabuena|felicidades|alguien|serio|verdad|jo"
        "|hala|venga|qué pasa|me permite|puedo pasar"
    ),
    (
        "ach|oh|na|tja|wow|autsch|echt|ehrlich|glückwunsch|hallo|tschüss|sorry|entschuldigung|jemand|stimmt"
        "|alles in ordnung|alles klar bei|ernst"
        "|darf ich|dürfte ich|könnte ich|was ist los|was gibt's|was für ein"
        "|quatsch|genau|krass|guck|mal|halt|denn|eigentlich|eben"
    ),
    (
        "oh|ah|ben|bah|aïe|ouais|salut|félicitations|pardon|excusez-moi|ça va|vas-y|quelqu'|sérieux"
        "|puis-je|je peux passer|que se passe|qu'est-ce qui se passe|franchement|dis donc|tiens|attends"
        "|allez|eh"
    ),
    "oh|ah|ai|olá|oi|desculpa|parabéns|alguém|sério|né|puxa",
    "oh|ah|ahi|ciao|scusa|auguri|qualcuno|davvero|dai|boh",
    "oh|ah|au|hoi|hallo|sorry|gefeliciteerd|iemand|echt|serieus|hoor",
    "ой|ох|ах|ага|привет|извини|извините|поздравляю|правда|кто-нибудь|блин|слушай",
    "अरे|ओह|वाह|हाँ|नमस्ते|माफ|बधाई|सच|कोई",
    "آه|أوه|والله|مرحبا|آسف|مبروك|حقا|أحد",
)
# Beginnings that go on from an answer, with few words after them: "and in Fahrenheit?", "what about Sunday?".
GOING_ON = (
    "and|what about|how about|what if|or|but",
    "y|¿y|o|pero|qué tal|y si",
    "und|oder|aber|was ist mit|wie sieht es|und wie|und was",
    "et|ou|mais|et si",
    "e|ou|mas|e se",
    "e|o|ma|e se",
    "en|of|maar|wat als",
    "а|и|или|но|а если",
    "और|या|लेकिन",
    "و|أو|لكن|وماذا عن|ماذا عن",
)
# Corrections of what the wearable has understood or done.
CORRECTING = (
    "no|nope|actually|instead|rather|i meant|i mean|not that|the other|better make|make it|make that|another",
    "no|mejor|quise decir|me refería|en realidad|otro|otra",
    "nein|doch|lieber|ich meinte|ich meine|nicht das|sondern|mach|noch einen|noch eine",
    "non|plutôt|je voulais dire|je parlais|en fait|un autre|une autre",
    "não|melhor|quis dizer|na verdade",
    "no|anzi|volevo dire|meglio|intendevo",
    "nee|liever|ik bedoelde|eigenlijk",
    "нет|лучше|я имел в виду|точнее",
    "नहीं|मेरा मतलब",
    "لا|أقصد|بل",
)
# Commands that are given to a machine; each is the beginning of a word. Phrases of several words stand whole.
MACHINE_COMMANDS = (
    (
        "remind|set|add|cancel|repeat|translat|play|convert|calculat|explain|defin|search|find|show me|show"
        "|tell me|spell|stop|pause|skip|resum|reschedul|move|note|save|delet|make it|make that|call it|round"
        "|say that|say it|read|continue|go on|start|snooz|turn|describ|summari|compar|list|put|give me the"
        "|give me a|look up|shorter|longer|again|louder"
    ),
    (
        "recuérda|recuerda|recuérdame|pon|añad|cancel|cancél|repit|repít|traduc|tradúc|reproduc|conviert|calcul"
        "|explica|explíca|busca|búsca|muéstra|dime|deletrea|cambia|cámbia|apunta|apúnta|guarda|borra|bórra|redond"
        "|lee|léelo|sigue|cuénta|cuenta|suma|para el|quita"
    ),
    (
        "erinner|stell|füg|lösch|wiederhol|übersetz|spiel|rechne|erklär|such|zeig|sag mir|sag das|sag es"
        "|buchstabier|stopp|verschieb|notier|speicher|mach das|mach es|mach zw|rund|lies|weiter|start|erzähl|setz"
        "|nenn|schreib|trag|brich"
    ),
    (
        "rappelle|mets|mets-|ajoute|annule|arrête|répète|redis|traduis|joue|convertis|calcule|explique|cherche"
        "|montre|dis-moi|dis-m'|épelle|décale|note|enregistre|supprime|arrondis|lis|continue|donne-moi l"
        "|donne-moi un|raconte|change"
    ),
    (
        "lembr|me lembr|me di|coloca|põe|adiciona|cancela|repet|traduz|toca|converte|calcula|explica"
        "|procura|mostra|diz|diga"
        "|muda|para|lê|conta|continua"
    ),
    (
        "ricorda|annull|fallo|falla|imposta|aggiungi|cancella|ripeti|tradu|suona|converti|calcola|spiega"
        "|cerca|mostra|dimmi|sposta"
        "|ferma|leggi|metti|continua|raccont"
    ),
    ("herinner|zet|voeg|annuleer|herhaal|vertaal|speel|reken|leg uit|zoek|toon|zeg|stop|verplaats|lees|ga door|vertel"),
    (
        "напомни|поставь|добавь|отмени|повтори|переведи|включи|посчитай|объясни|найди|покажи|скажи|перенеси|удали"
        "|прочитай|запиши|расскажи|останови|продолж|округли"
    ),
    "याद दिला|लगाओ|जोड़|रद्द|दोहरा|अनुवाद|चलाओ|समझा|खोज|दिखा|बताओ|बताइए|हटा|पढ़|बंद",
    "ذكر|اجعل|اضبط|أضف|ألغ|كرر|ترجم|شغل|احسب|اشرح|ابحث|أرني|أخبرني|اخبرني|انقل|احذف|اقرأ|توقف|أعد|قل",
)
MACHINE_COMMANDS_UNSPACED = (
    "教えて|もう一度|繰り返|設定|翻訳|追加|止めて|再生|キャンセル|再说一遍|设置|提醒我|翻译|添加|取消|播放|告诉我|改成|解释|简单一点"
    "|कर दो|समझाओ|दोहराओ|हटाओ|रद्द कर"
)
# Words that point to what was said before.
POINTING = (
    "it|it'|its|that|that'|this|one|ones|they|them|he|she|him|her|there|then|else|more|next",
    "eso|esto|lo|le|ahí|allí|más|él|ella|ese|esa|próximo|próxima|se",
    "das|der|die|den|es|er|man|davon|dazu|darin|dort|dorthin|dahin|daran|damit|mehr|noch|nächste|nächsten",
    "ça|c'|cela|il|elle|y|en|ils|plus|prochain|prochaine|le|là",
    "isso|isto|ele|ela|lá|mais|próximo",
    "quello|questo|lo|lì|ci|più|lui|lei|prossimo",
    "het|dat|dit|hij|zij|daar|er|meer|volgende",
    "это|он|она|оно|они|там|ещё|больше|следующий",
    "यह|वह|वो|इसका|उसका|वहाँ|और",
    "هذا|ذلك|هو|هي|هناك|أكثر",
)
POINTING_UNSPACED = "それ|これ|そこ|那个|这个|它|那里|他|她"
# Beginnings of orders and advice that are given to people.
PERSON_COMMANDS = (
    (
        "don't|come|wait|hang on|look|listen|hurry|careful|watch out|watch|take care|let me|give me that"
        "|give me a|give it|guess"
        "|tell your|tell her|tell him|say hi|pass|help me|hold|stop it|go ahead|go away|put your"
        "|remember to|get some|bring"
        "|try|sit|be|keep|leave|take|eat|drink|shut"
    ),
    (
        "ven|espera|mira|oye|escucha|date prisa|cuidado|cuídate|dame eso|dale|dile|pásame|ayúdame|déjame"
        "|trae|toma|vete"
        "|acuérdate|avísame|no toques|no te|ponte|ábre|ábrela|anda|come|siéntate|compra"
    ),
    (
        "komm|warte|guck|schau|hör|beeil|vorsicht|pass auf|lass|gib|grüß|sag bescheid|sag ihm|sag ihr|hilf"
        "|halt|denk|zieh"
        "|rate|bring|nimm|iss|trink|setz dich|geh|mach ruhig|mach schon|mach mal|vergiss|fass|hol"
    ),
    (
        "viens|attends|regarde|écoute|dépêche|attention|fais gaffe|laisse|donne|passe|aide|tiens|prends"
        "|prends-|va|vas-y|n'oublie"
        "|touche|devine|assieds|mange|bois|dis-lui|dis-moi quand|mets tes|mets ta|arrête de"
    ),
    (
        "vem|espera|olha|escuta|cuidado|deixa|passa|ajuda|me passa|me ajuda|me dá|toma|traz|não esquece|avisa"
        "|senta|come|calma"
    ),
    (
        "vieni|aspetta|guarda|ascolta|sbrigati|attento|attenta|lascia|dammi|passami|aiutami|tieni|prendi|non"
        "|vai|mangia|siediti|portami"
    ),
    "kom|wacht|kijk|luister|schiet op|pas op|laat|geef|help|neem|vergeet|ga|eet|drink|breng|doe je",
    (
        "иди|подожди|смотри|послушай|осторожно|дай|помоги|возьми|не забудь|не трогай|передай|принеси|садись|ешь"
        "|держи|поехали"
    ),
    "आओ|रुको|देखो|सुनो|जल्दी|ध्यान|छोड़ो|दो|ले लो|मत|बैठो|खाओ|जाओ",
    "تعال|تعالي|انتظر|انظر|اسمع|بسرعة|انتبه|أعطني|اعطني|ساعدني|خذ|لا تنس|اجلس|هات|اذهب",
)
# The speaker. At the beginning of a sentence without a word that asks, what follows is a tale.
FIRST_PERSON = (
    "i|i'|my|me",
    "yo|me|mi|mis|soy|creo",
    "ich|mir|mich|mein|meine",
    "je|j'|moi|m'|mon|ma|mes",
    "eu|me|meu|minha|acho",
    "io|mi|mio|mia|penso",
    "ik|mij|mijn|me",
    "я|мне|меня|мой|моя",
    "मैं|मुझे|मेरा|मेरी|मैंने",
    "أنا|انا|عندي|لي",
)
# Words that ask for agreement at the end of a tale.
TAGS = (
    "right|isn't it|aren't they|don't you think|huh|innit|you know|doesn't it|wasn't it|okay|ok",
    "no|verdad|eh|vale|a que sí",
    "oder|ne|nicht wahr|gell|nicht|stimmt's|ja|okay",
    "non|hein|n'est-ce pas|pas vrai|quoi|d'accord|ok",
    "né|não é|não|certo|viu",
    "no|vero|eh|giusto",
    "toch|hè|niet|niet dan|oké",
    "да|правда|не так ли|ага",
    "है ना|ना|न",
    "صح|أليس كذلك|صحيح",
)
# Words of shops, restaurants and desks, where a guest and those who serve ask each other.
SERVICE = (
    (
        "receipt|cash|card|check please|the check|the bill|to go|takeaway|reservation|fitting room|fitting rooms|refund"
        "|seat|aisle|in stock|sold out|the tip|checkout|in a medium|in a large|in a small|what can i get"
    ),
    (
        "tarjeta|efectivo|recibo|la cuenta|reserva|probadores|probador|talla|para llevar|devolverlo|propina|sitio"
        "|ticket|habitación"
    ),
    (
        "karte|bar|bon|kassenbon|beleg|quittung|tüte|rechnung|reserviert|reservierung|umkleide|umkleiden|kabine"
        "|mitnehmen|getrennt|umtauschen|ausverkauft|lieferung|trinkgeld|welchen namen|zimmer|größe"
    ),
    (
        "carte|espèces|ticket|reçu|l'addition|réservé|réservation|cabines|cabine|taille|emporter|sur place|l'échanger"
        "|échanger|chambre|pourboire|place|quel nom"
    ),
    "cartão|dinheiro|recibo|a conta|reserva|provador|provadores|tamanho|para viagem|trocar|troco|gorjeta|lugar|quarto",
    "carta|contanti|scontrino|ricevuta|il conto|prenotazione|prenotato|camerino|camerini|taglia|asporto|mancia|posto",
    "pin|pinnen|contant|bon|bonnetje|rekening|gereserveerd|pashokje|paskamers|maat|meenemen|ruilen|fooi|plaats|kamer",
    "картой|карта|наличными|чек|счёт|забронировано|бронь|примерочная|примерочные|размер|с собой|вернуть|сдача|место",
    "कार्ड|नकद|रसीद|बिल|साइज़|पार्सल|सीट",
    "بطاقة|بالبطاقة|نقدا|فاتورة|الفاتورة|إيصال|حجز|مقاس|مقاسي|سفري|المقعد",
)
# The conjunction of a choice: "Cash or card?".
OR = ("or", "o", "oder", "ou", "ou", "o", "of", "или", "या", "أو|أم")
# Articles that are also pronouns: they point to something unless a noun follows, which German writes large.
ARTICLES = {"de": r"\b(?:[Dd](?:er|ie|as|en)) (?=[A-ZÄÖÜ])", "fr": r"\b[Ll]e (?=\w)"}
# Words of time, which any two sentences may share.
TIMES = (
    "today|tomorrow|tonight|yesterday|time|hour|hours|minutes|week|year|morning|evening|night|about|minute"
    "|well|much|long"
    "|hoy|mañana|noche|ayer|tiempo|hora|minutos|semana|tarde|heute|morgen|gestern|abend|stunde|uhr|woche"
    "|jahr|zeit|viel"
    "|aujourd|demain|soir|hier|heures|minutes|semaine|temps|combien|environ|prends|mettre|hoje|amanhã|oggi|domani"
)
# Verbs that begin a question, for speech-to-text that writes no marks: "gibt es einen Film".
VERBS_FIRST = (
    "is|are|was|do|does|did|can|could|will|would|should|am|have|has|were|may",
    "es|son|está|están|estoy|hay|puedo|necesito|va|tiene|fue|era|se puede",
    "ist|sind|war|gibt|geht|kann|habe|hat|brauche|regnet|muss|soll|wird|darf|reicht|bist du sicher|kannst du",
    "est-ce|il y a|il reste|il fait|il me faut|il passe|ça fait|ça se|c'est|je peux|je suis|on peut|tu peux|y a",
    "é|são|está|tem|posso|preciso|vai|dá|foi",
    "è|sono|c'è|ci sono|posso|si può|serve|mi serve|ha",
    "is|zijn|was|kan|heb|gaat|heeft|moet|mag|kun je",
    "есть|можно|нужен|нужно|можешь",
    "क्या|है",
    "هل|أ",
)
