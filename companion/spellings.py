"""The words that the screen reads through disguise and misspelling. English and Spanish; lower case, without accents."""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


HIDDEN_WORDS = _words(
    """
    kill killing killed suicide suicidal die dying dead death myself himself herself themself themselves yourself hang hanging
    cut cutting cuts hurt hurting harm harming selfharm overdose overdosed rape raped raping murder shoot shooting stab stabbing
    life unalive pills abuse abuses abused sexually grope groped molested voices
    suicidio suicidarme suicidar matar matarme morir morirme muerte cortarme
    """
)
"""Words that people hide on purpose. A token with symbols inside is read as one of them when only the symbols differ."""

NEAR_WORDS = _words(
    """
    suicide suicidal myself himself herself unconscious unresponsive anaphylaxis anaphylactic seizure convulsion convulsing
    collapsed breathe breathing suffocating ambulance overdosed overdosing sewerslide bleeding suicidio suicidarme emergency
    thoughts tonight allergic
    """
)
"""Long words that no other word resembles: one slip of the thumb in them is forgiven."""

CORE_WORDS = _words(
    """
    die dead kill suicide suicidal death dying alive live life living end harm hurt cut kms unalive breathe breath killing
    harming cutting hurting morir matarme suicidarme
    """
)
GLUED_WORDS = CORE_WORDS | _words(
    """
    i im ill id me my self myself him her them us we want wanna wants to too just really so bad badly please now today tonight
    gonna going be being it all this is the do dont not no longer more anymore never wish was were cant help feel like hate
    need ready have quiero me voy a no ya and alone away bleed
    """
)
"""Words that are recognised when they are written without spaces ("iwanttodie"), at least one of them a core word."""

# What is written, for what is meant: texting and the misspellings that people in a hurry or in pain make.
_GROUPS = {
    "kill": "kil kll kiil kihl keel kyll kull killl",
    "killing": "kiling killin kilin kiling",
    "myself": "meself mysef mself myslf mslf miself mahself mesel mysel myselff mysekf msyelf mysself",
    "die": "dei dai dyee diee dy deid",
    "dying": "diyng dieing dyin",
    "died": "dyed dyd",
    "dead": "ded deadd daed",
    "alive": "alyv aliv alve alaive allive",
    "unalive": "onalive unlve unaliv unalived unaliving unaliven",
    "live": "lvie livee",
    "living": "livin livng livving",
    "life": "lyfe lief lfe lide",
    "end": "endd emd ennd edn",
    "ending": "endin enfing endng",
    "suicide": "suacide suiside suiced sewicide sooicide suizide suicied suecide suside soocide suside suicidee suislide suicid",
    "suicidal": "suisidel susidal suicidle suisidal suicidel sewicidal sewerslidal susidel suicadal",
    "want": "wnt wan wnat awnt wamt watn wanr",
    "wanna": "wana wonna wna wannna wanma",
    "wish": "wsh wihs wissh",
    "was": "wz waz",
    "gonna": "gona gunna gna ganna gonnna gon finna fixna",
    "im gonna": "imma ima ima imgonna",
    "i": "eye",
    "and": "n",
    "you": "u yu",
    "your": "ur",
    "are": "r",
    "to": "ot t0",
    "be": "b",
    "cant": "cnt cantt cnat kant",
    "dont": "dnt donr dunt dnot",
    "anymore": "anymote anymroe nemore anymor nomore anymoar",
    "wake": "wke wak waek",
    "without": "wo w/o",
    "tonight": "2night 2nite 2nyt tn tonite tonihgt tonighg tnight tonifht tonght tonihght 2nght",
    "tomorrow": "tmrw tmr tmrrw 2moro 2mrw tomoro tommorow tomorow tmw",
    "please": "pls plz plse plese plss pleas",
    "help": "hlep hepl helpp halp",
    "hurt": "hert hrut hurtt",
    "cut": "cutt",
    "cutting": "cvtting cuting cuttin cuttign",
    "murder": "mvrder murdur merder",
    "better": "beter bettr",
    "tired": "tird tierd tiered tyred",
    "of": "ov",
    "thoughts": "thouhgts thougts thots thougths",
    "self": "slef sellf",
    "harm": "harrm hamr",
    "voices": "voyces voises vioces",
    "tell": "tel",
    "jump": "jmup",
    "commit": "comit comitt committ",
    "just": "jst",
    "let": "lett",
    "really": "realy rly",
    "all": "alll",
    "it": "itt",
    "every": "evry",
    "everyone": "evry1 every1 evryone everone",
    "no one": "noone",
    "would": "wuld wud wd",
    "feel": "fel feal",
    "goodbye": "gdbye gudbye goodby gudby godbye",
    "good": "gud",
    "wake up": "wakeup",
    "chest": "chets chset chect chesst chst ches chestt",
    "pain": "pian payn",
    "hurts": "huts hertz herts hurtz",
    "pressure": "presure preassure",
    "tight": "tihgt tite",
    "breath": "breth brethe brethh breeth",
    "breathe": "brethe brethee breathee breeth brethae brath",
    "breathing": "brething brethin breething breathin breathng",
    "heart": "hart haert herat",
    "attack": "atack attak",
    "throat": "throte thoat throath troat",
    "tongue": "tounge tonge toungue tung",
    "swelling": "sweling swellin swelin",
    "swollen": "swolen swollin",
    "closing": "closeing closin",
    "lips": "lipps",
    "blue": "bluee bleu",
    "stroke": "stoke",
    "seizure": "seezure siezure seisure seizur",
    "convulsions": "convlsions convultions",
    "unconscious": "unconchus unconsious unconcious unconsius",
    "collapsed": "colaspsed colapsed collasped callapsed",
    "fainted": "fanted fainteed faintd",
    "pounding": "poundin",
    "passing": "pasing passin",
    "wont": "wnot",
    "stop": "stp",
    "bleeding": "bleding bleedin blleeding bleedng",
    "vomiting": "vomitting vommiting vomitin",
    "throwing": "throwin",
    "blood": "blud blod bloood",
    "pills": "pils pilss pillz",
    "tablets": "tablits tabelts",
    "took": "tuk toook",
    "swallowed": "swalowed swollowed swallowd",
    "swallow": "swalow",
    "overdose": "overdos overdoes",
    "overdosed": "overdoesd odd od'd oded",
    "double": "doubel dubble",
    "awake": "awak",
    "accidentally": "accidently accidentaly acidentally",
    "mistake": "misstake",
    "face": "fase",
    "drooping": "droopin",
    "slurred": "slured slurd",
    "speech": "speach",
    "headache": "headake headach hedache",
    "worst": "wosrt",
    "choking": "chokeing chokin",
    "allergic": "alergic allergik",
    "reaction": "reacton",
    "hives": "hifes",
    "wheezing": "weezing wheezin",
    "anaphylaxis": "anafilaxis anaphalaxis anaphilaxis",
    "shaking": "shakeing shakin",
    "ambulance": "ambulence amblance ambulanse",
    "deep": "depe",
    "confused": "confussed confuzed",
    "where": "wher",
    "have": "haveing",
    "having": "havin",
    "que": "q k'",
    "porque": "pq xq porq",
    "quiero": "kiero qiero quero",
    "matarme": "matarm",
    "dizzy": "dizy dizzzy",
    "nausea": "nausia nausa",
    "nauseous": "nausious nauseus",
    "panic": "panick",
    "anxiety": "anxity anxeity",
    "sleep": "sleap",
}
SPELLINGS = {spelling: word for word, spellings in _GROUPS.items() for spelling in spellings.split()}
