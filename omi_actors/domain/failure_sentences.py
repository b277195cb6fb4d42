"""What we say ourselves to a wearer, in twelve languages: one table, one row a language.

Not here: which sentence is said (failures.py, delivery.py), which language (language.py). Threads: none, pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """One language's: why there is no answer, and what stands before an answer that may have been heard already."""

    key: str
    credit: str
    model: str
    refused: str
    thinking: str
    too_long: str
    late: str
    busy: str
    unreachable: str
    internal: str
    again: str


SENTENCES: Mapping[str, Sentences] = {
    "en": Sentences(
        key="I can't answer: my language model refuses its key. The operator has to renew it.",
        credit="I can't answer: my language model's account has no credit left.",
        model="I can't answer: the language model that I am set up for does not exist.",
        refused="I can't answer that: my language model refused the question.",
        thinking="I couldn't answer that: my language model thought about it for too long.",
        too_long="I couldn't answer that: it was too much for my language model at once.",
        late="I couldn't answer in time: my language model took too long.",
        busy="I can't answer right now: my language model has too much to do.",
        unreachable="I can't answer right now: my language model can't be reached.",
        internal="I couldn't answer: something in my own service failed.",
        again="Again: ",
    ),
    "es": Sentences(
        key="No puedo responder: mi modelo de lenguaje rechaza su clave. El operador tiene que renovarla.",
        credit="No puedo responder: la cuenta de mi modelo de lenguaje no tiene saldo.",
        model="No puedo responder: el modelo de lenguaje que tengo configurado no existe.",
        refused="No puedo responder a eso: mi modelo de lenguaje rechazó la pregunta.",
        thinking="No pude responder a eso: mi modelo de lenguaje lo pensó demasiado tiempo.",
        too_long="No pude responder a eso: fue demasiado a la vez para mi modelo de lenguaje.",
        late="No pude responder a tiempo: mi modelo de lenguaje tardó demasiado.",
        busy="Ahora no puedo responder: mi modelo de lenguaje tiene demasiado trabajo.",
        unreachable="Ahora no puedo responder: no puedo conectar con mi modelo de lenguaje.",
        internal="No pude responder: algo falló en mi propio servicio.",
        again="Otra vez: ",
    ),
    "de": Sentences(
        key="Ich kann nicht antworten: Mein Sprachmodell lehnt seinen Schlüssel ab. Der Betreiber muss ihn erneuern.",
        credit="Ich kann nicht antworten: Das Konto meines Sprachmodells hat kein Guthaben mehr.",
        model="Ich kann nicht antworten: Das Sprachmodell, das bei mir eingestellt ist, gibt es nicht.",
        refused="Darauf kann ich nicht antworten: Mein Sprachmodell hat die Frage abgelehnt.",
        thinking="Darauf konnte ich nicht antworten: Mein Sprachmodell hat zu lange darüber nachgedacht.",
        too_long="Darauf konnte ich nicht antworten: Es war für mein Sprachmodell zu viel auf einmal.",
        late="Ich konnte nicht rechtzeitig antworten: Mein Sprachmodell hat zu lange gebraucht.",
        busy="Ich kann gerade nicht antworten: Mein Sprachmodell hat zu viel zu tun.",
        unreachable="Ich kann gerade nicht antworten: Mein Sprachmodell ist nicht erreichbar.",
        internal="Ich konnte nicht antworten: In meinem eigenen Dienst ist etwas fehlgeschlagen.",
        again="Noch einmal: ",
    ),
    "fr": Sentences(
        key="Je ne peux pas répondre : mon modèle de langage refuse sa clé. L'opérateur doit la renouveler.",
        credit="Je ne peux pas répondre : le compte de mon modèle de langage n'a plus de crédit.",
        model="Je ne peux pas répondre : le modèle de langage configuré pour moi n'existe pas.",
        refused="Je ne peux pas répondre à cela : mon modèle de langage a refusé la question.",
        thinking="Je n'ai pas pu répondre à cela : mon modèle de langage y a réfléchi trop longtemps.",
        too_long="Je n'ai pas pu répondre à cela : c'était trop à la fois pour mon modèle de langage.",
        late="Je n'ai pas pu répondre à temps : mon modèle de langage a mis trop longtemps.",
        busy="Je ne peux pas répondre maintenant : mon modèle de langage a trop à faire.",
        unreachable="Je ne peux pas répondre maintenant : mon modèle de langage est injoignable.",
        internal="Je n'ai pas pu répondre : quelque chose a échoué dans mon propre service.",
        again="Je répète : ",
    ),
    "pt": Sentences(
        key="Não posso responder: meu modelo de linguagem recusa a chave. O operador precisa renová-la.",
        credit="Não posso responder: a conta do meu modelo de linguagem está sem crédito.",
        model="Não posso responder: o modelo de linguagem configurado para mim não existe.",
        refused="Não posso responder a isso: meu modelo de linguagem recusou a pergunta.",
        thinking="Não consegui responder a isso: meu modelo de linguagem pensou por tempo demais.",
        too_long="Não consegui responder a isso: foi demais de uma vez para o meu modelo de linguagem.",
        late="Não consegui responder a tempo: meu modelo de linguagem demorou demais.",
        busy="Não posso responder agora: meu modelo de linguagem está sobrecarregado.",
        unreachable="Não posso responder agora: não consigo contactar o meu modelo de linguagem.",
        internal="Não consegui responder: algo falhou no meu próprio serviço.",
        again="De novo: ",
    ),
    "it": Sentences(
        key="Non posso rispondere: il mio modello linguistico rifiuta la chiave. L'operatore deve rinnovarla.",
        credit="Non posso rispondere: il conto del mio modello linguistico non ha più credito.",
        model="Non posso rispondere: il modello linguistico con cui sono configurato non esiste.",
        refused="Non posso rispondere a questo: il mio modello linguistico ha rifiutato la domanda.",
        thinking="Non ho potuto rispondere a questo: il mio modello linguistico ci ha pensato troppo a lungo.",
        too_long="Non ho potuto rispondere a questo: era troppo in una volta per il mio modello linguistico.",
        late="Non ho potuto rispondere in tempo: il mio modello linguistico ci ha messo troppo.",
        busy="Adesso non posso rispondere: il mio modello linguistico ha troppo da fare.",
        unreachable="Adesso non posso rispondere: il mio modello linguistico non è raggiungibile.",
        internal="Non ho potuto rispondere: qualcosa non ha funzionato nel mio servizio.",
        again="Ripeto: ",
    ),
    "nl": Sentences(
        key="Ik kan niet antwoorden: mijn taalmodel weigert zijn sleutel. De beheerder moet die vernieuwen.",
        credit="Ik kan niet antwoorden: het account van mijn taalmodel heeft geen tegoed meer.",
        model="Ik kan niet antwoorden: het taalmodel dat bij mij is ingesteld bestaat niet.",
        refused="Daar kan ik niet op antwoorden: mijn taalmodel heeft de vraag geweigerd.",
        thinking="Daar kon ik niet op antwoorden: mijn taalmodel heeft er te lang over nagedacht.",
        too_long="Daar kon ik niet op antwoorden: het was te veel ineens voor mijn taalmodel.",
        late="Ik kon niet op tijd antwoorden: mijn taalmodel deed er te lang over.",
        busy="Ik kan nu niet antwoorden: mijn taalmodel heeft het te druk.",
        unreachable="Ik kan nu niet antwoorden: mijn taalmodel is niet bereikbaar.",
        internal="Ik kon niet antwoorden: er ging iets mis in mijn eigen dienst.",
        again="Nog een keer: ",
    ),
    "ru": Sentences(
        key="Не могу ответить: моя языковая модель не принимает ключ. Оператор должен его обновить.",
        credit="Не могу ответить: на счёте моей языковой модели закончились средства.",
        model="Не могу ответить: языковой модели, на которую я настроен, не существует.",
        refused="На это не могу ответить: моя языковая модель отклонила вопрос.",
        thinking="На это не удалось ответить: моя языковая модель думала слишком долго.",
        too_long="На это не удалось ответить: для моей языковой модели этого слишком много сразу.",
        late="Не удалось ответить вовремя: моей языковой модели понадобилось слишком много времени.",
        busy="Сейчас не могу ответить: моя языковая модель перегружена.",
        unreachable="Сейчас не могу ответить: моя языковая модель недоступна.",
        internal="Не удалось ответить: что-то сломалось в моём собственном сервисе.",
        again="Ещё раз: ",
    ),
    "ja": Sentences(
        key="お答えできません。言語モデルがキーを受け付けません。運用者による更新が必要です。",
        credit="お答えできません。言語モデルのアカウントの残高がありません。",
        model="お答えできません。設定されている言語モデルが存在しません。",
        refused="それにはお答えできません。言語モデルが質問を拒否しました。",
        thinking="それにはお答えできませんでした。言語モデルが考えるのに時間をかけすぎました。",
        too_long="それにはお答えできませんでした。言語モデルには一度に多すぎました。",
        late="時間内にお答えできませんでした。言語モデルの応答が遅すぎました。",
        busy="今はお答えできません。言語モデルが混み合っています。",
        unreachable="今はお答えできません。言語モデルに接続できません。",
        internal="お答えできませんでした。こちらのサービスで問題が起きました。",
        again="もう一度言います。",
    ),
    "zh": Sentences(
        key="我无法回答：我的语言模型拒绝了密钥，需要运营者更新。",
        credit="我无法回答：我的语言模型账户余额已用完。",
        model="我无法回答：为我设置的语言模型不存在。",
        refused="这个我无法回答：我的语言模型拒绝了这个问题。",
        thinking="这个我没能回答：我的语言模型思考得太久了。",
        too_long="这个我没能回答：内容一次太多，我的语言模型处理不了。",
        late="我没能及时回答：我的语言模型用时太长。",
        busy="我现在无法回答：我的语言模型太忙了。",
        unreachable="我现在无法回答：连接不上我的语言模型。",
        internal="我没能回答：我自己的服务出了问题。",
        again="再说一遍：",
    ),
    "hi": Sentences(
        key="मैं जवाब नहीं दे सकता: मेरा भाषा मॉडल अपनी कुंजी स्वीकार नहीं करता। संचालक को उसे बदलना होगा।",
        credit="मैं जवाब नहीं दे सकता: मेरे भाषा मॉडल के खाते में पैसे नहीं बचे हैं।",
        model="मैं जवाब नहीं दे सकता: मेरे लिए चुना गया भाषा मॉडल मौजूद नहीं है।",
        refused="मैं इसका जवाब नहीं दे सकता: मेरे भाषा मॉडल ने सवाल ठुकरा दिया।",
        thinking="मैं इसका जवाब नहीं दे सका: मेरा भाषा मॉडल बहुत देर तक सोचता रहा।",
        too_long="मैं इसका जवाब नहीं दे सका: मेरे भाषा मॉडल के लिए यह एक साथ बहुत ज़्यादा था।",
        late="मैं समय पर जवाब नहीं दे सका: मेरे भाषा मॉडल ने बहुत देर लगाई।",
        busy="मैं अभी जवाब नहीं दे सकता: मेरा भाषा मॉडल बहुत व्यस्त है।",
        unreachable="मैं अभी जवाब नहीं दे सकता: मेरे भाषा मॉडल से संपर्क नहीं हो रहा है।",
        internal="मैं जवाब नहीं दे सका: मेरी अपनी सेवा में कुछ गड़बड़ हुई।",
        again="फिर से: ",
    ),
    "ar": Sentences(
        key="لا أستطيع الإجابة: نموذجي اللغوي يرفض مفتاحه، وعلى المشغّل تجديده.",
        credit="لا أستطيع الإجابة: نفد رصيد حساب نموذجي اللغوي.",
        model="لا أستطيع الإجابة: النموذج اللغوي المضبوط لي غير موجود.",
        refused="لا أستطيع الإجابة عن ذلك: رفض نموذجي اللغوي السؤال.",
        thinking="لم أستطع الإجابة عن ذلك: فكّر نموذجي اللغوي وقتًا أطول من اللازم.",
        too_long="لم أستطع الإجابة عن ذلك: كان أكثر مما يحتمله نموذجي اللغوي دفعة واحدة.",
        late="لم أستطع الإجابة في الوقت المناسب: استغرق نموذجي اللغوي وقتًا طويلًا.",
        busy="لا أستطيع الإجابة الآن: نموذجي اللغوي مشغول جدًا.",
        unreachable="لا أستطيع الإجابة الآن: لا يمكن الوصول إلى نموذجي اللغوي.",
        internal="لم أستطع الإجابة: حدث خلل في خدمتي.",
        again="مرة أخرى: ",
    ),
}
