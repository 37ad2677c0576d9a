//! What happens around the demo people, so that whoever signs in first sees something: events of their own, a seat,
//! a place in a waitlist, a private event, a cancelled one, and people to rate.

use crate::answers::{Arrival, Status};
use crate::calendar::{DAY, HOUR, MINUTE, in_days};
use crate::dice::Dice;
use crate::events::{Event, Scene};
use crate::people::{FRIEND, GUEST, HOST};
use crate::venues::Kind;

/// An event of the demo people.
pub(crate) struct Story {
    pub(crate) event: Event,
    /// How many others would like to come.
    pub(crate) crowd: u64,
    invited: &'static [(usize, Status)],
    /// Answers last.
    late: Option<usize>,
}

impl Story {
    /// The answers of the demo people.
    pub(crate) fn arrivals(&self, now: i64) -> Vec<Arrival> {
        let first = self.event.created_at + HOUR;
        let invited = self.invited.iter().zip(1..).map(|(&(person, wants), turn)| Arrival {
            at: first + turn * MINUTE,
            person,
            wants,
        });
        let late = self.late.map(|person| Arrival { at: now.min(self.event.start) - 1, person, wants: Status::Going });
        invited.chain(late).collect()
    }
}

/// What differs between the stories.
struct Plot {
    creator: usize,
    name: &'static str,
    description: &'static str,
    kind: Kind,
    /// Days from today; hour and minute in Zürich.
    when: (i64, u32, u32),
    hours: Option<i64>,
    capacity: Option<i32>,
    crowd: u64,
    invited: &'static [(usize, Status)],
    late: Option<usize>,
    private: bool,
    cancelled: bool,
    rated: bool,
}

const PLOT: Plot = Plot {
    creator: HOST,
    name: "",
    description: "",
    kind: Kind::Bar,
    when: (1, 18, 30),
    hours: Some(3),
    capacity: None,
    crowd: 0,
    invited: &[(FRIEND, Status::Going), (GUEST, Status::Going)],
    late: None,
    private: false,
    cancelled: false,
    rated: false,
};

const PLOTS: &[Plot] = &[
    Plot {
        name: "Feierabendbier für Neue",
        description: "Wer neu ist in Zürich, bekommt das erste Bier offeriert.",
        crowd: 16,
        ..PLOT
    },
    Plot {
        name: "Znacht zu acht",
        description: "Acht Plätze, vier Gänge. Wer zu spät ist, kommt auf die Warteliste.",
        kind: Kind::Restaurant,
        when: (4, 19, 0),
        capacity: Some(8),
        crowd: 30,
        invited: &[(FRIEND, Status::Going)],
        late: Some(GUEST),
        ..PLOT
    },
    Plot {
        name: "Geburtstag am Fluss",
        description: "Nur für Eingeladene: Bräteln, Kuchen, lange Nacht.",
        kind: Kind::Outdoor,
        when: (9, 17, 0),
        hours: Some(6),
        capacity: Some(20),
        private: true,
        ..PLOT
    },
    Plot {
        creator: FRIEND,
        name: "Jazz im Keller",
        description: "Drei Sets und eine Jam, wir sitzen vorne links.",
        kind: Kind::Concert,
        when: (6, 20, 0),
        capacity: Some(60),
        crowd: 30,
        invited: &[(HOST, Status::Interested), (GUEST, Status::Going)],
        ..PLOT
    },
    Plot {
        creator: GUEST,
        name: "Bouldern für Einsteiger",
        description: "Finken können gemietet werden, Mut bringe ich mit.",
        kind: Kind::Sports,
        when: (3, 18, 0),
        hours: Some(2),
        capacity: Some(6),
        crowd: 3,
        invited: &[(FRIEND, Status::Going)],
        ..PLOT
    },
    Plot {
        creator: FRIEND,
        name: "Italo-Nacht",
        description: "Wir gehen als Gruppe, bis das erste Tram fährt.",
        kind: Kind::Club,
        when: (12, 22, 30),
        hours: None,
        crowd: 60,
        invited: &[(HOST, Status::Going)],
        ..PLOT
    },
    Plot {
        name: "Langer Tisch",
        description: "War das ein Abend! Jetzt ist Zeit, einander zu bewerten.",
        kind: Kind::Restaurant,
        when: (-3, 19, 0),
        capacity: Some(16),
        crowd: 12,
        ..PLOT
    },
    Plot {
        name: "Pub Quiz",
        description: "Fünf Runden, ein Fass Ehre.",
        when: (-40, 19, 30),
        crowd: 25,
        rated: true,
        ..PLOT
    },
    Plot {
        creator: FRIEND,
        name: "Fackelwanderung",
        description: "Abgesagt wegen Sturmwarnung, wir holen es nach.",
        kind: Kind::Outdoor,
        when: (2, 17, 30),
        crowd: 8,
        invited: &[(HOST, Status::Going)],
        cancelled: true,
        ..PLOT
    },
];

/// At most `number` of them.
pub(crate) fn stories(seed: u64, number: usize, scene: &Scene<'_>) -> Vec<Story> {
    let mut dice = Dice::new(seed, "demo");
    PLOTS.iter().take(number).map(|plot| story(&mut dice, plot, scene)).collect()
}

fn story(dice: &mut Dice, plot: &Plot, scene: &Scene<'_>) -> Story {
    let (days, hour, minute) = plot.when;
    let start = in_days(scene.now, days, hour, minute);
    let created_at = start.min(scene.now) - dice.between(6 * DAY, 9 * DAY);
    let at: Vec<_> = scene.venues.iter().filter(|venue| venue.kind == plot.kind).collect();
    let venue = *dice.pick(&at);
    let event = Event {
        id: dice.id(created_at),
        creator: plot.creator,
        name: plot.name.to_owned(),
        description: Some(plot.description.to_owned()),
        kind: plot.kind,
        address: venue.address(),
        place: Some(venue.place),
        start,
        end: plot.hours.map(|hours| start + hours * HOUR),
        capacity: plot.capacity,
        waitlist: plot.capacity.is_some(),
        public: !plot.private,
        cancelled_at: plot.cancelled.then(|| scene.now - 2 * HOUR),
        created_at,
        rated: plot.rated,
    };
    Story { event, crowd: plot.crowd, invited: plot.invited, late: plot.late }
}
