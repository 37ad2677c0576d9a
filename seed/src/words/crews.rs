//! What crews are called, and what they write.

pub(crate) const CREW_NAMES: &[&str] = &[
    "Nachteulen",
    "Die vom Kreis 4",
    "Tram 32",
    "Frühaufsteher",
    "Letzte Runde",
    "Langsam, aber oho",
    "Zürisee-Schwimmer",
    "Wir sind die mit dem gelben Schirm",
    "Die Pünktlichen",
    "Langstrasse United",
    "Apéro zuerst",
    "Team Znacht",
    "Night owls",
    "The usual suspects",
    "Velogang",
    "Gleis 18",
    "Bunte Truppe",
    "Ohne Plan",
];

pub(crate) const CREW_PROMISES: &[&str] = &[
    "Wir treffen uns eine halbe Stunde vorher unter der Uhr.",
    "Niemand geht alleine heim.",
    "Alle willkommen, auch wer niemanden kennt.",
    "We share a cab at the end.",
    "Gemütliches Tempo, viele Pausen.",
    "Wer zuerst da ist, hält den Tisch.",
];

pub(crate) const MESSAGES: &[&str] = &[
    "Hoi zäme! Freue mich auf heute Abend.",
    "Wo treffen wir uns?",
    "Unter der Bahnhofsuhr, wie immer.",
    "Bin zehn Minuten später, das Tram steht.",
    "Kein Stress, wir warten.",
    "Wer hat die Tickets?",
    "Ich! Alle sechs.",
    "Nimmt jemand eine Powerbank mit?",
    "Is there a cloakroom?",
    "Yes, two francs.",
    "Regenschirm nicht vergessen.",
    "Ich bringe noch jemanden mit, ist das okay?",
    "Klar, es hat noch Platz.",
    "Bin drin, links vor der Bar.",
    "Sehe euch nicht, winkt mal.",
    "👋",
    "War das gut!",
    "Das nächste Mal früher hin.",
    "Wer fährt Richtung Oerlikon?",
    "Ich, in einer Viertelstunde.",
    "Gut heimgekommen?",
    "Ja, danke. Gute Nacht!",
    "Hat jemand meine Jacke gesehen?",
    "Liegt bei mir, ich bringe sie morgen.",
    "Merci für den schönen Abend, alle zusammen.",
    "Fotos folgen.",
    "Machen wir das nächsten Monat wieder?",
    "Unbedingt.",
];

pub(crate) const CALLS: &[&str] = &[
    "Mir ist schwindlig, ich sitze beim Eingang.",
    "Jemand folgt mir.",
    "Ich finde euch nicht mehr und mein Akku ist fast leer.",
    "Somebody keeps bothering me at the bar.",
    "Bin gestürzt, es ist wohl der Knöchel.",
];

pub(crate) const COMPLAINTS: &[&str] = &[
    "Das schreibt er in jede Gruppe.",
    "Please have a look at this.",
    "So etwas will ich hier nicht lesen.",
    "Ich fühle mich damit nicht wohl.",
];

pub(crate) const BAN_REASONS: &[&str] = &[
    "Wiederholte Werbung in fremden Gruppen.",
    "Beleidigungen im Chat, trotz Verwarnung.",
    "Mehrere gefälschte Profile mit fremden Bildern.",
    "Harassing messages after being asked to stop.",
];
