//! Given names that are usual in the Low Countries today, and their other forms. A few names occur very often.

use super::origin::Origin;
use super::seeded_rng::SeededRng;

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
pub(super) fn given_name(rng: &mut SeededRng, origin: Origin, male: bool) -> String {
    let (men, women) = given_names(origin);
    let names: Vec<&str> = if male { men } else { women }.split(' ').collect();
    rng.pick_common(&names).to_owned()
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
pub(super) fn other_form(rng: &mut SeededRng, given: &str) -> Option<&'static str> {
    let forms: Vec<&'static str> = other_forms(given).collect();
    forms.get(rng.below(forms.len())).copied()
}
