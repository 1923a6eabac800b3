//! Names that are usual in the Low Countries today, composed from parts: with particles, diacritics, double family
//! names, forms for women and men, and few names that occur very often.

use super::chance::SeededRng;

/// The origin of a family's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Dutch,
    Flemish,
    Walloon,
    German,
    English,
    Moroccan,
    Turkish,
    Polish,
    Spanish,
}

/// Origins per 1,000 families.
pub(super) const ORIGINS: [(Origin, usize); 9] = [
    (Origin::Dutch, 560),
    (Origin::Flemish, 130),
    (Origin::Walloon, 40),
    (Origin::German, 60),
    (Origin::English, 50),
    (Origin::Moroccan, 50),
    (Origin::Turkish, 45),
    (Origin::Polish, 45),
    (Origin::Spanish, 20),
];

/// Given names of men, then of women, the most common first.
const fn given_names(origin: Origin) -> (&'static str, &'static str) {
    match origin {
        Origin::Dutch => (
            "Jan Peter Johan Daan Sem Lucas Thomas Bas Ruben Tim Tom Jeroen Martijn Kees Henk Willem Bram Niels Rob Erik Mark Sander Stefan Dennis Gerard Hans Piet Joost Maarten Thijs Luuk Finn Jesse Levi Noah Lars Koen Wouter Rik Rick Frank Frans Arjan Arie Cor Dirk Gijs Hugo Jasper Jelle Joris Julian Marcel Michiel Milan Pim Roel Roy Siem Sjoerd Stijn Teun Tijn Vincent Wim Jan-Willem Jan-Peter Pieter-Jan Hendrik-Jan René André Gert-Jan",
            "Maria Anna Emma Sanne Eva Lisa Julia Anouk Lotte Sophie Iris Noor Femke Marieke Esther Linda Petra Ingrid Monique Wilma Els Ans Tess Fleur Roos Isa Nina Mila Lynn Naomi Kim Laura Marloes Manon Mirjam Nienke Renske Saskia Suzanne Sylvia Tamara Thea Truus Vera Willemijn Yvonne Zoë Chloë Charlotte Daniëlle Desirée Hanneke Hannah Janneke Jolanda Karin Katja Lieke Maaike Margriet Marjolein Mies Annemarie Anne-Marie Marie-Louise Evi Fenna Jip",
        ),
        Origin::Flemish => (
            "Jan Luc Marc Jef Wout Arthur Lucas Bart Tom Kristof Dirk Geert Johan Filip Koen Pieter Stijn Wim Jeroen Sven Dries Jelle Maxim Mathis Lowie Warre Seppe Ferre Staf Gust Karel Hendrik Joris Jan-Baptist",
            "Maria An Els Lotte Fien Emma Louise Ann Katrien Griet Hilde Inge Nele Sofie Sarah Joke Lies Liesbeth Marleen Martine Chantal Veerle Tine Tinne Elke Leen Greet Lieve Hanne Amber Noor Marie-Jeanne Rita Godelieve",
        ),
        Origin::Walloon => (
            "Jean Michel Philippe Pierre Luc Benoît François Louis Hugo Nathan Mathéo Jérôme Sébastien Frédéric Rémy Théo Jean-Pierre Jean-Luc Jean-Marc Olivier",
            "Marie Nathalie Isabelle Camille Léa Chloé Céline Hélène Anaïs Zoé Françoise Véronique Émilie Aurélie Marie-Claire Anne-Sophie Béatrice Manon Juliette Elise",
        ),
        Origin::German => (
            "Thomas Michael Andreas Stefan Jürgen Günther Björn Jörg Lukas Felix Leon Paul Maximilian Klaus Dieter Wolfgang Uwe Ralf Götz Hans-Peter Karl-Heinz Matthias Tobias Jens Sören",
            "Anna Sabine Petra Monika Ursula Käthe Bärbel Jutta Katrin Katharina Lena Leonie Hannah Mia Marlene Gisela Heike Birgit Anke Anneliese Anna-Lena Eva-Maria Silke Steffi Grit Aase",
        ),
        Origin::English => (
            "John James William Oliver Jack Harry George David Andrew Peter Robert Richard Michael Sean Seán Liam Connor Daniel Matthew Luke Bob Bill Simon Stuart Graham Keith Ian Alan Owen Rhys",
            "Mary Elizabeth Sarah Emily Olivia Amelia Jessica Sophie Charlotte Grace Alice Helen Margaret Fiona Siobhán Niamh Aoife Claire Rachel Rebecca Lucy Ellie Chloe Zoe Megan Bronwen Isla Ann",
        ),
        Origin::Moroccan => (
            "Mohamed Mohammed Ahmed Youssef Hamza Bilal Ali Omar Hassan Hussein Abdel Abdelkarim Abdellah Rachid Said Saïd Khalid Karim Ibrahim Ilyas Ayoub Anass Nabil Mustapha Mimoun Soufiane Zakaria Yassine",
            "Fatima Khadija Fatima-Zahra Aïcha Naima Naïma Malika Samira Yasmina Salma Sara Nora Noor Hafsa Imane Ikram Hanan Latifa Loubna Mina Rachida Saïda Zohra Soumaya Amal Asma",
        ),
        Origin::Turkish => (
            "Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim Emre Murat Ömer Yusuf Can Burak Serkan Özgür Çağrı Işık Uğur Gökhan Volkan Kemal Deniz",
            "Fatma Ayşe Emine Zeynep Elif Hatice Meryem Esra Merve Büşra Özlem Gül Gülşen Çiğdem Şule Aylin Derya Deniz Sevgi Yasemin Nur Tuğba",
        ),
        Origin::Polish => (
            "Jan Piotr Krzysztof Andrzej Tomasz Paweł Łukasz Michał Marcin Jakub Wojciech Stanisław Kamil Mateusz Grzegorz Rafał Dariusz Zbigniew Bartosz Sławomir",
            "Anna Maria Katarzyna Małgorzata Agnieszka Barbara Ewa Krystyna Magdalena Elżbieta Joanna Monika Zofia Beata Dorota Danuta Iwona Grażyna Żaneta Aleksandra",
        ),
        Origin::Spanish => (
            "Antonio José Manuel Francisco Juan David Javier Daniel Carlos Miguel Ángel Sergio Andrés Iñigo José-Luis Juan-Carlos",
            "María Carmen Ana Isabel Laura Cristina Lucía Marta Elena Sofía Inés Begoña Nuria Pilar Ana-María Concepción",
        ),
    }
}

/// A given name.
pub(super) fn given_name(chance: &mut SeededRng, origin: Origin, male: bool) -> String {
    let (men, women) = given_names(origin);
    let names: Vec<&str> = if male { men } else { women }.split(' ').collect();
    chance.pick_common(&names).to_owned()
}

/// Other forms of given names, in passports and in daily life. Two such forms can look very different.
const OTHER_FORMS: &str = "Jan=Johannes Hans=Johannes Johan=Johannes Kees=Cornelis Cor=Cornelis Wim=Wilhelmus Henk=Hendrik Piet=Petrus Piet=Pieter Frans=Franciscus Jeroen=Hieronymus Gijs=Gijsbertus Rik=Hendricus Wout=Walter Luc=Lucas Jef=Jozef Gust=Augustinus Staf=Gustaaf Els=Elisabeth Liesbeth=Elisabeth Lies=Elisabeth Ans=Johanna Truus=Geertruida Wilma=Wilhelmina Thea=Theodora Mies=Maria Janneke=Johanna Hanneke=Johanna Marieke=Maria Maaike=Maria Lieke=Angelique Greet=Margaretha Griet=Margaretha Lieve=Godelieve Jack=John Harry=Henry Ellie=Eleanor Bob=Robert Robert=Bob Bill=William William=Bill Richard=Dick James=Jim Michael=Mike Elizabeth=Liz Margaret=Peggy Aase=Åse Jürgen=Juergen Günther=Guenther Björn=Bjoern Jörg=Joerg Sören=Soeren Käthe=Kaethe";

/// The other forms of a given name.
pub(super) fn other_forms(given: &str) -> impl Iterator<Item = &'static str> {
    OTHER_FORMS
        .split(' ')
        .filter_map(|pair| pair.split_once('='))
        .filter(move |(one, _)| *one == given)
        .map(|(_, other)| other)
}

/// A given name and its other forms.
pub(super) fn all_forms(name: &str) -> Vec<&str> {
    let mut forms: Vec<&str> = other_forms(name).collect();
    forms.push(name);
    forms
}

/// Another form of a given name, if one exists.
pub(super) fn other_form(chance: &mut SeededRng, given: &str) -> Option<&'static str> {
    let forms: Vec<&'static str> = other_forms(given).collect();
    forms.get(chance.below(forms.len())).copied()
}

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
pub(super) fn family_name(chance: &mut SeededRng, origin: Origin) -> String {
    let list = |chance: &mut SeededRng, names: &str| {
        chance.pick_common(&names.split(' ').collect::<Vec<_>>()).to_owned()
    };
    let compose = |chance: &mut SeededRng, starts: &str, ends: &str| {
        let (starts, ends): (Vec<&str>, Vec<&str>) =
            (starts.split(' ').collect(), ends.split(' ').collect());
        format!("{}{}", chance.pick(&starts), chance.pick(&ends))
    };
    match (origin, chance.below(10)) {
        (Origin::Dutch, 0..=3) => list(chance, DUTCH),
        (Origin::Dutch, 4..=6) => {
            let particle = chance.pick_common(&[
                "van de", "van der", "van den", "van", "de", "ter", "ten", "van 't", "op de",
            ]);
            format!("{particle} {}", list(chance, DUTCH_PLACES))
        }
        (Origin::Dutch, 7) => {
            format!(
                "de {}",
                chance.pick_common(&[
                    "Vries", "Jong", "Boer", "Groot", "Bruijn", "Haan", "Graaf", "Wit", "Ruiter",
                    "Leeuw"
                ])
            )
        }
        (Origin::Dutch, _) => compose(
            chance,
            "Groen Hoog Lang Nieuw Oud Rood Wester Ooster Noorder Zuider Steen Zand Klein Veen Bosch",
            "veld huis meijer kamp berg stra burg hof dijk enburg man sma ing",
        ),
        (Origin::Flemish, 0..=5) => list(chance, FLEMISH),
        (Origin::Flemish, _) => {
            let particle = chance.pick_common(&["De", "Van den", "Van", "Van de", "Vander"]);
            format!(
                "{particle} {}",
                chance.pick(&[
                    "Smet", "Bossche", "Backer", "Wilde", "Cock", "Clercq", "Broeck", "Velde",
                    "Eynde", "Damme", "Acker", "Berghe", "Poorten", "Meulen"
                ])
            )
        }
        (Origin::Walloon, 0..=7) => list(chance, WALLOON),
        (Origin::Walloon, _) => {
            format!(
                "{} {}",
                chance.pick(&["De", "Le", "La", "Du"]),
                chance.pick(&["Greef", "Roy", "Bruyère", "Fontaine", "Pré", "Bois"])
            )
        }
        (Origin::German, 0..=5) => list(chance, GERMAN),
        (Origin::German, 6) => {
            format!(
                "{} {}",
                chance.pick(&["von", "von der", "zu"]),
                chance.pick(&["Berg", "Heide", "Hohenstein", "Lohe", "Osten", "Tann"])
            )
        }
        (Origin::German, _) => compose(
            chance,
            "Ober Nieder Alt Neu Hof Wald Stein Linden Rosen Acker Eich Brand Grün Kirch",
            "mann maier bauer müller berger hofer feld bach stein",
        ),
        (Origin::English, 0..=5) => list(chance, ENGLISH),
        (Origin::English, _) => compose(
            chance,
            "Ash Brad Hart Whit Har Nor Sut Wes Kings Lang Mid Thorn",
            "ton ley ford worth well field by ham wood",
        ),
        (Origin::Moroccan, n) => {
            let stem = compose(
                chance,
                "Am Id Al Kha Has Bar Bou Yak Tah Ouar Mes Ham Ben Ai Zar",
                "rani rissi aoui ttabi sani kani zidi oubi iri daoui saoudi mouni ghazi louki",
            );
            match n {
                0..=5 => format!("El {stem}"),
                6 => format!("Ait {stem}"),
                7 => format!("Ben {stem}"),
                _ => stem,
            }
        }
        (Origin::Turkish, 0..=5) => list(chance, TURKISH),
        (Origin::Turkish, _) => compose(
            chance,
            "Öz Ak Kara Gün Er Boz Tan Ay Demir Baş",
            "türk taş doğan dağ kan soy demir oğlu men",
        ),
        (Origin::Polish, 0..=3) => list(chance, POLISH),
        (Origin::Polish, _) => compose(
            chance,
            "Kowal Wiśniew Lewandow Kamiń Zieliń Szymań Dąbrow Jabłoń Malinow Pawłow Wituc Górec",
            "ski ski ski cki",
        ),
        (Origin::Spanish, _) => format!("{} {}", list(chance, SPANISH), list(chance, SPANISH)),
    }
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
