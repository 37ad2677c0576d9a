//! What events are called and how they are described.

/// The words of one type of event.
pub(crate) struct Words {
    /// Good at any time of the year.
    pub(crate) names: &'static [&'static str],
    /// From May to September.
    pub(crate) summer: &'static [&'static str],
    /// From November to March.
    pub(crate) winter: &'static [&'static str],
    /// The first sentence of the description.
    pub(crate) about: &'static [&'static str],
}

pub(crate) const BAR: Words = Words {
    names: &[
        "Feierabendbier", "Pub Quiz", "Negroni & Vinyl", "Apéro riche", "Räuschling-Degustation",
        "Jassabend", "After Work Drinks", "Expats & Locals", "Mezcal für Anfänger", "Gin-Tasting",
        "Craft-Beer-Runde", "Stammtisch Kreis 4", "Whisky & Wortwitz",
        "Tandem-Stammtisch Deutsch–Português", "Karaoke bis Mitternacht", "Singles über 30",
        "Bar-Hopping Langstrasse", "Amaro-Kunde",
    ],
    summer: &["Rooftop-Spritz", "Hugo am Wasser", "Badi-Apéro"],
    winter: &[
        "Glühwein & Marroni", "Hot Toddy Club", "Kafi Lutz am Cheminée",
    ],
    about: &[
        "Lockere Runde an zwei, drei Tischen; wer neu ist, wird vorgestellt.",
        "Wir treffen uns an der Theke, gleich links vom Eingang.",
        "No agenda, just drinks and nice people.",
        "Wir probieren uns durch die Karte und vergeben Noten.",
        "Die erste Runde geht aufs Haus, die zweite auf dich.",
    ],
};

pub(crate) const CLUB: Words = Words {
    names: &[
        "Nachtschicht", "Disco Élégance", "Techno im Keller", "House of Züri", "Balkan Beats",
        "Drum & Bass Familie", "90er bis es hell wird", "Reggaetón sin parar", "Afrobeats Zürich",
        "Italo-Nacht", "Minimal, aber laut", "Queer Dance", "Electro Swing Soirée", "Vinyl Only",
        "Garage & Grime",
    ],
    summer: &["Open-Air-Rave am Gleis", "Sommernachtstanz"],
    winter: &["Winterschlaf? Nein!", "Frostbeulen-Rave"],
    about: &[
        "Wir gehen als Gruppe, damit niemand allein in der Schlange steht.",
        "Two floors, one cloakroom, no dress code.",
        "Treffpunkt um die Ecke, danach gemeinsam hinein.",
        "Résidents und zwei Gäste, bis das erste Tram fährt.",
        "Wer müde ist, bekommt Begleitung zum Nachtbus.",
    ],
};

pub(crate) const CONCERT: Words = Words {
    names: &[
        "Jazz im Quartier", "Kammermusik: Schubert & Fauré", "Indie-Abend", "Singer-Songwriter Nacht",
        "Mundart-Rap", "Fado ao Vivo", "Chorkonzert: Mendelssohn", "Blues Jam", "Noise & Poésie",
        "Orgel und Elektronik", "Klezmer trifft Ländler", "Metal Mittwoch", "Orchesterprobe für Zuhörer",
        "Streichquartett um sechs", "Album-Taufe", "Soul Revue", "Guggenmusik unplugged",
    ],
    summer: &["Serenade im Freien", "Seekonzert"],
    winter: &["Adventskonzert", "Neujahrskonzert für alle"],
    about: &[
        "Wir sitzen zusammen, Reihe 8 bis 10.", "Drei Bands, drei Sprachen, ein Abend.",
        "Doors half an hour earlier; we meet at the entrance.",
        "Nach dem Konzert ziehen wir weiter auf ein Bier.",
        "Auch für Leute, die sonst nie in klassische Konzerte gehen.",
    ],
};

pub(crate) const PARTY: Words = Words {
    names: &[
        "WG-Party", "Einweihung", "Geburtstagsfest", "Silent Disco", "Spieleabend mit Punsch",
        "Pyjamaparty", "Mottoparty: Züri 1980", "Eurovision-Gucken", "Abschied von Sebastián",
        "Bad-Taste-Fest", "Fête des voisins", "Quartierfest", "Kleidertausch & Cüpli", "Raclette-Plausch",
        "Lotto-Nacht", "Potluck deluxe",
    ],
    summer: &["Dachterrassenfest", "Gartenparty", "1. August auf dem Dach"],
    winter: &["Samichlaus-Party", "Fondue-Fest", "Fasnacht für Zugezogene"],
    about: &[
        "Bringt etwas zu trinken mit, für Essen ist gesorgt.",
        "Nachbarn sind informiert, ab Mitternacht wird es leiser.",
        "Come as you are, leave when the candles do.",
        "Jede und jeder steuert einen Song zur Playlist bei.",
        "Bitte Hausschuhe mitnehmen, das Parkett ist neu.",
    ],
};

pub(crate) const RESTAURANT: Words = Words {
    names: &[
        "Langer Tisch", "Znacht zu acht", "Dim-Sum-Runde", "Fondue moité-moité", "Injera teilen",
        "Sri-Lanka-Dinner", "Tavolata", "Zürcher Geschnetzeltes", "Mezze & Gespräche", "Supper Club",
        "Ramen-Tour", "Sonntagsbrunch", "Käseküche", "Bacalhau-Abend", "Dinner for Strangers",
        "Vegane Metzgete", "Pizza-Testreihe",
    ],
    summer: &["Grillplausch", "Glacé-Parcours", "Dîner im Garten"],
    winter: &["Raclette à discrétion", "Metzgete", "Wildabend"],
    about: &[
        "Reserviert ist auf meinen Namen; bitte pünktlich sein.",
        "Wir bestellen für den ganzen Tisch und teilen.",
        "Everybody pays for themselves, nobody eats alone.",
        "Allergien bitte vorher melden, die Küche ist flexibel.",
        "Ein Menü, vier Gänge, viele Geschichten.",
    ],
};

pub(crate) const OUTDOOR: Words = Words {
    names: &[
        "Spaziergang am Fluss", "Uetliberg-Runde", "Lauf- und Plaudertreff", "Hunde-Treff",
        "Vögel am Morgen", "Boule im Park", "Foto-Walk", "Clean-up", "Züri zu Fuss: unbekannte Treppen",
        "Waldbaden", "Slackline & Kafi", "Pilzkunde", "Sonnenaufgang schauen",
    ],
    summer: &[
        "Limmatschwimmen", "Picknick", "SUP-Ausfahrt", "Bräteln", "Openair-Kino auf der Decke",
        "Glühwürmchen suchen",
    ],
    winter: &[
        "Schlitteln am Üetliberg", "Fackelwanderung", "Eisbaden", "Schneeschuh-Schnuppern",
    ],
    about: &[
        "Bei Regen unter dem grossen Dach, bei Sturm gar nicht.",
        "Gutes Schuhwerk genügt, das Tempo bestimmt der Langsamste.",
        "Bring water and a snack; we are back before dark.",
        "Decken sind da, Becher bitte selbst mitbringen.",
        "Hunde und Kinder willkommen.",
    ],
};

pub(crate) const SPORTS: Words = Words {
    names: &[
        "Fussball 7 gegen 7", "Bouldern für Einsteiger", "Badminton-Doppel", "Yoga vor der Arbeit",
        "Intervalltraining", "Volleyball gemischt", "Schwimmtechnik", "Rennvelo-Feierabendrunde",
        "Unihockey-Plausch", "Tischtennis-Turnier", "Tennis: wer spielt mit?", "Pilates à deux",
        "Crossfit ohne Geschrei", "Lauftreff 10 km", "Basketball 3x3",
    ],
    summer: &[
        "Beachvolleyball", "Seeüberquerung (Training)", "Tennis im Abendlicht",
    ],
    winter: &[
        "Eislaufen", "Langlauf-Techniktraining", "Curling ausprobieren",
    ],
    about: &[
        "Alle Niveaus, Material kann gemietet werden.",
        "Wir wärmen zusammen auf und duschen getrennt.",
        "Mixed teams, friendly rules, no referees.",
        "Bitte eine Viertelstunde früher da sein.", "Danach Bier oder Schorle, je nach Puls.",
    ],
};

pub(crate) const OTHER: Words = Words {
    names: &[
        "Brettspielnachmittag", "Sprachcafé Français", "Repair-Café", "Buchclub: Frisch", "Lötkurs",
        "Rust Meetup", "Aktzeichnen", "Poetry Slam", "Kinoabend mit Diskussion", "Nähtreff",
        "Schachrunde", "Improtheater", "Führung durchs Quartier", "Keramik am Mittwoch",
        "Gründerinnen-Zmorge", "Pen & Paper: Einstieg",
    ],
    summer: &["Tomaten-Tauschbörse", "Zeichnen am See"],
    winter: &[
        "Guetzli backen", "Kerzenziehen", "Steuererklärung zusammen ausfüllen",
    ],
    about: &[
        "Vorkenntnisse braucht es keine.",
        "Wir sind meistens etwa zu zehnt und finden immer Platz.",
        "English and German, whatever works.",
        "Material ist vorhanden, Kollekte für die Miete.",
        "Kommt und geht, wann ihr wollt.",
    ],
};

/// What may follow a name, at any time of the year.
pub(crate) const TAILS: &[&str] = &[
    "für Neuzugezogene", "im kleinen Kreis", "für alle", "Vol. 2", "Vol. 7", "mit Überraschung",
    "& Friends", "auf Züridütsch", "Reloaded", "ohne Handy", "très spontané", "für Introvertierte",
    "über den Röstigraben",
];

pub(crate) const PRACTICAL: &[&str] = &[
    "Tram und Nachtbus halten vor der Tür.",
    "Bitte meldet euch ab, wenn ihr doch nicht kommt: Es gibt eine Warteliste.",
    "Rollstuhlgängig, WC inklusive.",
    "Velos bitte in den Ständer hinter dem Haus.",
    "Wer allein kommt, erkennt uns am gelben Schirm.",
    "Questions? Ask in your crew.",
    "Es hat noch Platz für Freundinnen und Freunde.",
    "Nur Bargeld oder TWINT.", "Ab 18 Jahren.",
];
