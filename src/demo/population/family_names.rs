//! Family names that are usual in the Low Countries today, composed from parts: with particles, diacritics, double names,
//! and forms for women and men. A few names occur very often.

use super::origin::Origin;
use super::seeded_rng::SeededRng;

const DUTCH: &str = "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Kok Jacobs Vermeulen Schouten Willems Hoekstra Koster Prins Huisman Postma Kuipers Veenstra Kramer Molenaar Smits Verhoeven Wolters Groen Gerritsen Wagenaar Timmermans Zijlstra Blom Kuiper Snijders Scholten Martens Post Kuijpers Sanders Maas Bosman Boer Janssen Janssens Pietersen Claassen Evers";
const DUTCH_PLACES: &str = "Berg Dijk Linden Heuvel Veen Meer Wal Broek Bosch Brink Ven Horst Beek Velde Ploeg Polder Laan Hoek Kamp Heide Steen Wijk Hout Zande Sluis Pol Werf Graaf Burg Poel";
const FLEMISH: &str = "Peeters Janssens Maes Jacobs Mertens Willems Claes Goossens Wouters Desmet Hermans Michiels Aerts Verhaegen Verbeke Vermeersch Coppens Dierckx Lemmens Wuyts Segers Thijs Callewaert Geerts Bogaert";
const WALLOON: &str = "Dubois Lambert Dupont Martin Lefèvre Leroy Denis Renard Gérard Noël Rousseau Delvaux Lejeune Hébert Charlier Mathieu Poncelet Marchal Dumont Collignon";
const GERMAN: &str = "Müller Schmidt Schneider Fischer Weber Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Krüger Groß Weiß Köhler Böhm Jäger";
const ENGLISH: &str = "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Walker Evans Roberts Hughes O'Brien O'Connor McDonald McCarthy Murphy Kelly Byrne Ryan";
const TURKISH: &str = "Yılmaz Kaya Demir Şahin Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç Kurt Özkan Şimşek Polat Güneş";
const POLISH: &str = "Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Kaczmarek Zając Król Wieczorek Wróbel Stępień Pawlak Dudek Adamczyk Żak";
const SPANISH: &str = "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Álvarez Moreno Muñoz Núñez Ibáñez Peña";

/// A family name in the form for men. [`for_woman`] returns the other form.
pub(super) fn family_name(rng: &mut SeededRng, origin: Origin) -> String {
    let tenth = rng.below(10);
    match origin {
        Origin::Dutch => dutch_name(rng, tenth),
        Origin::Flemish => flemish_name(rng, tenth),
        Origin::Walloon => walloon_name(rng, tenth),
        Origin::German => german_name(rng, tenth),
        Origin::English => english_name(rng, tenth),
        Origin::Moroccan => moroccan_name(rng, tenth),
        Origin::Turkish => turkish_name(rng, tenth),
        Origin::Polish => polish_name(rng, tenth),
        Origin::Spanish => format!("{} {}", one_of(rng, SPANISH), one_of(rng, SPANISH)),
    }
}

/// A name of a list, the most common first.
fn one_of(rng: &mut SeededRng, names: &str) -> String {
    rng.pick_common(&names.split(' ').collect::<Vec<_>>()).to_owned()
}

/// A name of a beginning and an end.
fn composed(rng: &mut SeededRng, starts: &str, ends: &str) -> String {
    let (starts, ends): (Vec<&str>, Vec<&str>) =
        (starts.split(' ').collect(), ends.split(' ').collect());
    format!("{}{}", rng.pick(&starts), rng.pick(&ends))
}

fn dutch_name(rng: &mut SeededRng, tenth: usize) -> String {
    match tenth {
        0..=3 => one_of(rng, DUTCH),
        4..=6 => {
            let particle = rng.pick_common(&[
                "van de", "van der", "van den", "van", "de", "ter", "ten", "van 't", "op de",
            ]);
            format!("{particle} {}", one_of(rng, DUTCH_PLACES))
        }
        7 => {
            let name = one_of(rng, "Vries Jong Boer Groot Bruijn Haan Graaf Wit Ruiter Leeuw");
            format!("de {name}")
        }
        _ => composed(
            rng,
            "Groen Hoog Lang Nieuw Oud Rood Wester Ooster Noorder Zuider Steen Zand Klein Veen Bosch",
            "veld huis meijer kamp berg stra burg hof dijk enburg man sma ing",
        ),
    }
}

fn flemish_name(rng: &mut SeededRng, tenth: usize) -> String {
    if tenth <= 5 {
        return one_of(rng, FLEMISH);
    }
    let particle = rng.pick_common(&["De", "Van den", "Van", "Van de", "Vander"]);
    let name = rng.pick(&[
        "Smet", "Bossche", "Backer", "Wilde", "Cock", "Clercq", "Broeck", "Velde", "Eynde",
        "Damme", "Acker", "Berghe", "Poorten", "Meulen",
    ]);
    format!("{particle} {name}")
}

fn walloon_name(rng: &mut SeededRng, tenth: usize) -> String {
    if tenth <= 7 {
        return one_of(rng, WALLOON);
    }
    let particle = rng.pick(&["De", "Le", "La", "Du"]);
    let name = rng.pick(&["Greef", "Roy", "Bruyère", "Fontaine", "Pré", "Bois"]);
    format!("{particle} {name}")
}

fn german_name(rng: &mut SeededRng, tenth: usize) -> String {
    match tenth {
        0..=5 => one_of(rng, GERMAN),
        6 => {
            let particle = rng.pick(&["von", "von der", "zu"]);
            let name = rng.pick(&["Berg", "Heide", "Hohenstein", "Lohe", "Osten", "Tann"]);
            format!("{particle} {name}")
        }
        _ => composed(
            rng,
            "Ober Nieder Alt Neu Hof Wald Stein Linden Rosen Acker Eich Brand Grün Kirch",
            "mann maier bauer müller berger hofer feld bach stein",
        ),
    }
}

fn english_name(rng: &mut SeededRng, tenth: usize) -> String {
    if tenth <= 5 {
        return one_of(rng, ENGLISH);
    }
    composed(
        rng,
        "Ash Brad Hart Whit Har Nor Sut Wes Kings Lang Mid Thorn",
        "ton ley ford worth well field by ham wood",
    )
}

fn moroccan_name(rng: &mut SeededRng, tenth: usize) -> String {
    let stem = composed(
        rng,
        "Am Id Al Kha Has Bar Bou Yak Tah Ouar Mes Ham Ben Ai Zar",
        "rani rissi aoui ttabi sani kani zidi oubi iri daoui saoudi mouni ghazi louki",
    );
    match tenth {
        0..=5 => format!("El {stem}"),
        6 => format!("Ait {stem}"),
        7 => format!("Ben {stem}"),
        _ => stem,
    }
}

fn turkish_name(rng: &mut SeededRng, tenth: usize) -> String {
    if tenth <= 5 {
        return one_of(rng, TURKISH);
    }
    composed(
        rng,
        "Öz Ak Kara Gün Er Boz Tan Ay Demir Baş",
        "türk taş doğan dağ kan soy demir oğlu men",
    )
}

fn polish_name(rng: &mut SeededRng, tenth: usize) -> String {
    if tenth <= 3 {
        return one_of(rng, POLISH);
    }
    composed(
        rng,
        "Kowal Wiśniew Lewandow Kamiń Zieliń Szymań Dąbrow Jabłoń Malinow Pawłow Wituc Górec",
        "ski ski ski cki",
    )
}

/// The form of a family name for a woman.
pub(super) fn for_woman(origin: Origin, name: &str) -> String {
    match name.strip_suffix("ki") {
        Some(stem) if origin == Origin::Polish => format!("{stem}ka"),
        _ => name.to_owned(),
    }
}

/// Words before a family name that people may leave out.
const PARTICLES: [&str; 20] = [
    "van", "van de", "van der", "van den", "van 't", "de", "ter", "ten", "op de", "von", "von der",
    "zu", "el", "ait", "ben", "le", "la", "du", "vander", "het",
];

/// Splits a family name after its particle. The first part is empty if it has none.
pub(super) fn split_particle(name: &str) -> (&str, &str) {
    let mut ends = name.match_indices(' ').map(|(at, _)| at);
    let longest = ends.rfind(|at| {
        name.get(..*at).is_some_and(|start| PARTICLES.contains(&start.to_lowercase().as_str()))
    });
    longest.and_then(|at| Some((name.get(..at)?, name.get(at + 1..)?))).unwrap_or(("", name))
}
