"""Word tables of twelve languages, one row a language: greetings, question words, commands, reports.

All languages apply at once, since people mix them. `words_of` turns rows into sets.
Not here: the rules that use the words (wake.py, question_end.py). Threads: any; pure.
"""

# Punctuation around a word.
_AROUND = "\"'“”„‘«»‹›()[]{}.,!?:;¿¡…–—-、。，！？：；،؟؛।۔「」『』"


def words_in(text: str) -> list[str]:
    """Return the words of a text in the form of the tables: in lower case, without punctuation around them."""
    bare = (word.strip(_AROUND) for word in text.casefold().replace("’", "'").split())
    return [word for word in bare if word]


def words_of(*rows: str) -> frozenset[str]:
    """Return the entries of some rows as a set; an entry may have several words."""
    return frozenset(entry.casefold() for row in rows for entry in row.split("|"))


# Order of the rows: English, Spanish, German, French, Portuguese, Italian, Dutch, Russian, Hindi, Arabic.

# Greetings that make a wake phrase with the name.
GREETINGS = (
    "hey|hi|hello|ok|okay|yo|good morning|good afternoon|good evening",
    "oye|hola|oiga|ey|escucha|buenos días|buenas tardes|buenas noches",
    "hallo|moin|servus|guten morgen|guten tag|guten abend",
    "salut|bonjour|bonsoir|dis|dis donc|coucou|hé|allô|écoute",
    "oi|e aí|olá|ola|ei|opa|alô|alo|bom dia|boa tarde|boa noite|escuta",
    "ehi|ciao|senti|ehilà|buongiorno|buonasera|scusa|ascolta",
    "hoi|zeg|hee|hé|dag|oké|goedemorgen|luister",
    "привет|эй|хей|окей|ок|слушай|алло|здравствуй|здравствуйте|доброе утро|добрый день|добрый вечер",
    "हे|हेय|हाय|नमस्ते|सुनो|सुनिए|अरे|हैलो|हेलो|ओके",
    "يا|مرحبا|مرحبًا|مرحباً|أهلا|أهلاً|اهلا|هاي|هيه|أوكي|اسمع|اسمعي|صباح الخير|مساء الخير",
)
# Greetings of scripts without blanks between words.
GREETINGS_UNSPACED = (
    "ねえ|ねぇ|ヘイ|へい|ハイ|やあ|おい|ハロー|オーケー|オッケー|こんにちは|おはよう|すみません|もしもし",
    "嘿|嗨|你好|您好|喂|哈喽|哈啰|早上好|晚上好|嘿嘿",
)
# Other spellings of "hey" by speech-to-text. All are words of their own, too.
GREETINGS_MISHEARD = "hay|ay|a"
# Greetings that speech-to-text joins to a name: "heyomi".
JOINED_GREETINGS = "hey|hay|hi|hello|okay|ok|hallo|oye|ehi"
# Spellings of a name in other scripts: those as safe as the name, and those that need a greeting before them.
SPELLINGS = {"omi": ("оми", "オミ", "ओमी", "ओमि", "أومي", "اومي")}
SPELLINGS_AFTER_GREETING = {
    "omi": (
        *("омми", "хоми", "оми", "オーミ", "オミー", "オーミー", "おみ", "奥米", "欧咪"),
        *("ओमि", "अोमी", "होमी", "أومى", "اومى", "عومي", "هومي"),
    )
}
# Names of the groups of a search: a greeting joined to the name, and a name in two words.
JOINED, SPLIT = "joined", "split"
# Words that speech-to-text writes for the name, and that people say: they need certain words after them.
LIKE_NAME = "only|omni|omit|homie|homey|homy|hommie"
# Those of them that people say before questions, too: "okay, only what we need". Without a pause they need a greeting
# that does not agree, and a command or one of these pairs of words.
VERB_OR_ADVERB = "only|omit"
AGREEING = "ok|okay"
CERTAIN_PAIRS = (
    "what time|what's the|what's my|what is|what are|what does|how far|how long|how much|how many|how old|how tall"
    "|how do|how is|when is|when does|where is|where are|where's the|who is|who was|who's the|why is|why are|why do"
    "|which is"
)
# Words after "oh me" in a lament: "oh me what a day".
LAMENTS = "what a|what an|what have|what did|what am|what will|why did|how could|how can|let me|tell me|look at|help me"
# Words after "homie" that are said to a friend.
SMALL_TALK = (
    "what's up|whats up|what's good|what's new|what's going|what's happening|how are|how's it|how's life|how have"
    "|where are|where you|what are|what you|why are|why you|who are|let's go|let's get|come on|look at"
)
# Words that may come before the name at the beginning of a sentence.
FILLERS = (
    "um|uh|uhm|er|so|well|oh|and|but|now|right|please|alright|na|äh|ähm|also|bueno|pues|euh|bon|alors|então|allora|ну|а"
)
# Words after a greeted name that make it a group of people: "hello Omi team".
GROUPS = (
    "team|folks|crew|people|guys|users|community|support|staff|family",
    "equipo|gente|amigos",
    "freunde|leute|fans",
    "équipe",
    "equipe|pessoal|galera",
    "squadra",
    "mensen",
    "команда",
    "टीम",
    "فريق",
)
GROUPS_UNSPACED = "チーム|のみなさん|の皆さん|团队|的各位"
# Words before a wake phrase that report it: "he said hey Omi".
REPORTING = (
    (
        "say|says|said|saying|tell|tells|told|telling|shout|shouts|shouted|yell|yelled|call"
        "|called|calling|phrase|word|words"
    ),
    "dije|dijo|dice|decir|diciendo|dices|digo|dicho|dijeron|gritó|grité|frase|palabra|palabras",
    "sagte|sagt|sagen|sage|sagst|gesagt|rief|ruft|rufen|schrie|heißt|satz|wort|wörter",
    "dit|dire|disait|disent|disant|crié|criait|phrase|mot|mots|je dis|tu dis|disais",
    "disse|diz|dizer|dizendo|falou|falar|falei|digo|gritou|frase|palavra",
    "detto|dice|dire|diceva|dici|dico|dicendo|gridato|urlato|parola",
    "zei|zegt|zeggen|gezegd|zeg|riep|roept|zin|woord|woorden",
    "сказал|сказала|сказали|говорит|говорил|говорила|говорят|сказать|говорить|крикнул|крикнула|фраза|фразу|слово|слова",
    "कहा|कहता|कहती|कहते|कहना|बोला|बोली|बोले|बोलना|चिल्लाया|चिल्लाई|शब्द",
    "قال|قالت|قالوا|يقول|تقول|نقول|قلت|أقول|صرخ|صرخت|عبارة|كلمة",
)
REPORTING_UNSPACED = "说|說|喊|叫|写着|言って|「|『"
# Words that begin a question.
QUESTION_WORDS = (
    "what|what's|whats|who|who's|whose|whom|when|when's|where|where's|why|how|how's|which",
    (
        "qué|que|quién|quiénes|cuándo|cuando|dónde|donde|cómo|como|cuál|cuáles|cuánto|cuánta"
        "|cuántos|cuántas|cuanto|a qué|por qué"
    ),
    "was|wer|wen|wem|wann|wo|wohin|woher|warum|wieso|wie|welche|welcher|welches|welchen|welchem|wieviel",
    "quel|quelle|quels|quelles|qui|que|quoi|quand|où|comment|combien|pourquoi|est-ce|à quelle|qu'est-ce",
    "qual|quais|quem|o que|quando|onde|como|quanto|quanta|quantos|quantas|por que|a que",
    "qual|quale|quali|chi|che|cosa|quando|dove|dov'è|come|quanto|quanta|quanti|quante|perché|a che",
    "wat|wie|wanneer|waar|waarom|hoe|hoeveel|welke|welk",
    (
        "что|кто|когда|где|куда|откуда|почему|зачем|как|какой|какая|какое|какие|какую|каком|каким|какого|каких|сколько"
        "|который|которая|которого|чей|чем|кого|кому|во сколько"
    ),
    "क्या|कौन|कब|कहाँ|कहां|क्यों|कैसे|कैसा|कितना|कितने|कितनी|किसने",
    "ما|ماذا|من|متى|أين|اين|لماذا|كيف|كم|هل|أي|بماذا|بكم|لمن|وما|ومتى|وكم|وأين|وكيف|وماذا|وهل",
)
# Verbs that begin a question after a name, if one of these pronouns follows: "Omi is it", but not "Omi is cool".
AUXILIARIES = "is|are|was|were|do|does|did|can|could|will|would|should|shall|has|have|had|am|may|isn't|don't|can't"
PRONOUNS = "it|there|he|she|they|we|you|i"
# Commands that are also nouns or other verb forms: without a comma after the name they need one of these objects.
AMBIGUOUS = "set|call|open|stop|start|note|search|look|help|name|list|schedule|show|find|spell|write|read|please"
OBJECTS = "me|us|my|a|an|the|on|off|up|down|some|for|to|that|this|it"
# German "was" needs one of these next words: "Omi was ist das", but not "Omi was expensive".
AMBIGUOUS_QUESTION = "was"
AMBIGUOUS_QUESTION_NEXT = "ist|sind|kostet|macht|mach|heißt|bedeutet|gibt|war|hat|kann|soll|passiert|für|ich|du|wir"
# Verbs that command.
COMMANDS = (
    (
        "tell|show|set|turn|play|remind|add|find|give|call|open|stop|start|create|make|send|write|read|note|remember|search"
        "|look|help|please|explain|translate|calculate|define|describe|cancel|delete|schedule|roll|list|name|let's|spell"
    ),
    "dime|pon|recuérdame|busca|apaga|enciende|abre|cuéntame|explícame|traduce|añade|llama|muéstrame|ayúdame|manda",
    (
        "sag|sage|erzähl|erzähle|erinnere|erinner|zeig|zeige|stell|stelle|spiel|spiele|mach"
        "|mache|such|suche|schreib|öffne|erkläre|bitte"
    ),
    (
        "dis-moi|rappelle-moi|raconte-moi|raconte|mets|joue|éteins|allume|cherche|montre-moi"
        "|explique|traduis|ajoute|ouvre|donne-moi"
    ),
    (
        "me diz|me diga|diga|me lembra|me lembre|lembre|conta|conte|toca|toque|apaga|acende"
        "|abre|procura|mostra|explica|põe|coloca"
    ),
    (
        "dimmi|ricordami|raccontami|metti|spegni|accendi|cerca|apri|mostrami|spiegami|traduci"
        "|aggiungi|imposta|suona|chiama"
    ),
    "vertel|herinner|zet|speel|doe|zoek|toon|laat|open|stuur|leg|geef|zeg|vertaal|voeg|bel|maak",
    "скажи|напомни|расскажи|поставь|включи|выключи|найди|покажи|открой|объясни|переведи|добавь|позвони|подскажи|запиши",
    "बताओ|बताइए|मुझे बताओ|सुनाओ|चलाओ|लगाओ|याद दिलाना|खोलो|बंद करो",
    "أخبرني|اخبرني|ذكرني|قل|احك|احكي|شغل|أطفئ|افتح|ابحث|أضف|ترجم|اشرح|اتصل|اضبط|أرني|ضع",
)
# More verbs that command, after words that only may be the name. Said to a machine rather than to a friend.
COMMANDS_TO_MACHINES = (
    "please|pause|resume|skip|repeat|shuffle|mute|unmute|snooze|dim|lower|raise|increase|lock|unlock|book|order|text|email"
    "|message|record|save|convert|count|compare|recommend|suggest|summarize|track"
)
# Words that make a question anywhere in a sentence, and the endings of commands in languages with the verb last.
ASKING_ANYWHERE_UNSPACED = (
    "什么|什麼|几|幾|多少|多高|多大|多远|多长|多久|怎么|怎樣|怎么样"
    "|谁|誰|哪|吗|嗎|为什么|请|帮我|告诉我|提醒我|播放|打开|关掉|讲个|设"
    "|何時|なに|何|誰|だれ|どこ|いつ|なぜ|どう|いくつ|いくら|どれ"
)
ASKING_AT_END_UNSPACED = (
    "か|かな|ください|下さい|教えて|して|かけて|つけて|消して|言って|聞かせて|見せて|呼んで|開けて|止めて"
    "|お願い|お願いします|って"
)
ASKING_ANYWHERE = "क्या|कौन|कब|कहाँ|कहां|क्यों|कैसे|कैसा|कितना|कितने|कितनी|किसने|बताओ|बताइए|सुनाओ|दिलाना|दिलाओ|कीजिए|करो|ли"
# Words that never end a sentence, so that a full stop after them is an error of speech-to-text. Words that end one in
# any of the languages are left out: German "die" (roll a die), Portuguese "do" (what shall I do).
DANGLING = (
    "uh|um|uhm|umm|hmm|äh|ähm|euh|ehm|эээ",
    "of|the|a|an|to|and|or|my|your|as|if|because|what's|how do|do i|do you|can i|can you|could you|should i|is there",
    "de|del|la|el|los|las|un|una|y|en|por|para|mi|que",
    "der|des|dem|den|ein|eine|einen|und|oder|von|vom|im|am|zum|zur|mein|meine",
    "du|des|le|les|une|et|ou|au|mon|ma",
    "da|das|dos|um|uma|e|em|na|com|meu|minha",
    "di|della|dello|dei|delle|il|lo|al|con|per|mio",
    "een|mijn",
    "в|во|на|с|со|и|или|из|от|до|по|о|об|для|к|у",
    "का|की|के|में|से|को|और|या|मेरा|मेरी",
    "في|من|إلى|على|عن|مع|أو|و",
)
# Acknowledgements of an answer, which ask nothing.
ACKNOWLEDGEMENTS = (
    (
        "thanks|thank you|thanks a lot|thank you very much|great|cool|nice|okay|ok|alright"
        "|got it|i see|perfect|wow|right|good"
    ),
    "gracias|vale|genial|muchas gracias|perfecto",
    "danke|danke schön|vielen dank|super|gut|alles klar",
    "merci|merci beaucoup|d'accord|parfait",
    "obrigado|obrigada|valeu|ótimo|beleza",
    "grazie|grazie mille|perfetto|va bene",
    "bedankt|dank je|dank je wel|prima|mooi",
    "спасибо|хорошо|ладно|понятно|отлично",
    "धन्यवाद|शुक्रिया|ठीक है|अच्छा",
    "شكرا|شكرًا|حسنا|تمام|ممتاز",
    "ありがとう|ありがとうございます|なるほど|谢谢|谢谢你|好的|知道了",
)
# Beginnings of sentences that ask the hearer to wait or listen, before a question.
WAITING = (
    "wait|hold on|hang on|one second|one moment|just a|listen",
    "espera|un momento|un segundo|escucha|oye|mira",
    "warte|moment|einen moment|augenblick|hör|hör mal|pass auf",
    "attends|une seconde|un instant|écoute",
    "espera aí|espere|um momento|um minuto|escuta|ouve|olha",
    "aspetta|un attimo|ascolta|senti",
    "wacht|momentje|even wachten|luister",
    "подожди|погоди|секунду|минутку|послушай|слушай",
    "रुको|ठहरो|सुनो|एक मिनट|एक सेकंड",
    "انتظر|لحظة|ثانية|اسمع|اسمعني",
)
WAITING_UNSPACED = "ちょっと待って|待って|聞いて|等一下|等等|听我说|你听"
# Words that ask for help; only with a verb of the next table they say what for.
HELPING = (
    "help|help me|help us|ayúdame|ayúdanos|hilf|hilf mir|hilf uns|aide-moi|aide-nous|me ajuda|me ajude|ajuda|aiutami"
    "|aiutaci|помоги|помоги мне|помоги нам|मदद|ساعدني|ساعدنا"
)
HELPED = (
    "find|write|translate|spell|calculate|count|convert|choose|plan|remember|cook|learn|understand|fix|buscar|encontrar"
    "|escribir|traducir|calcular|elegir|recordar|finden|suchen|schreiben|übersetzen|rechnen|trouver|chercher|écrire"
    "|traduire|calculer|choisir|achar|procurar|escrever|traduzir|escolher|trovare|cercare|scrivere|tradurre|calcolare"
    "|vinden|zoeken|schrijven|vertalen|kiezen|найти|написать|перевести|посчитать|выбрать|إيجاد|كتابة|ترجمة|حساب"
)
