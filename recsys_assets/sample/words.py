"""Word lists for titles, people and companies; nothing here names a real film or person."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES: tuple[str, ...] = _words("""
    Amber Borrowed Brass Copper Crooked Distant Drowned Eleventh Feathered Folded Forgiven Glass Gilded
    Half-Lit Hollow Inverted Ivory Lacquered Lopsided Marbled Midwinter Moth-Eaten Narrow Northern Paper
    Patient Pewter Quilted Restless Rusted Saffron Salted Second-Hand Sleepless Slow Stubborn Sunken
    Tangled Thirteenth Threadbare Tidal Unposted Unwound Velvet Wandering Waxen Weathered Whispered
    Wintering Zinc
""")

NOUNS: tuple[str, ...] = _words("""
    Almanac Anchorage Apiary Atlas Balcony Barometer Beacon Bellows Boathouse Bramble Caravan Carousel
    Cartwheel Causeway Chandelier Cistern Clockwork Compass Cormorant Doorbell Embankment Estuary Ferry
    Foundry Gazebo Granary Greenhouse Harbour Hedgerow Hourglass Inkwell Kettle Lantern Ledger
    Lighthouse Locksmith Magpie Marquee Meadow Metronome Millpond Observatory Orchard Outpost
    Paperweight Parasol Pendulum Postbox Quarry Quicksand Railway Reservoir Scarecrow Semaphore Signal
    Staircase Sundial Telegraph Tidewater Timetable Trapdoor Turnstile Umbrella Viaduct Vestibule
    Weathervane Windmill Workshop
""")

TRADES: tuple[str, ...] = _words("""
    Apothecary Archivist Baker Beekeeper Bookbinder Candlemaker Cartographer Clockmaker Cobbler Collier
    Diver Engraver Ferryman Gardener Gatekeeper Glassblower Glover Lacemaker Lamplighter Mapmaker
    Midwife Notary Organist Perfumer Piano-Tuner Printer Saddler Seamstress Signalman Stonemason
    Surveyor Toymaker Typesetter Watchman Weaver
""")

KIN: tuple[str, ...] = (
    "Apprentice",
    "Brother",
    "Daughter",
    "Debt",
    "Ghost",
    "Holiday",
    "Oath",
    "Shadow",
    "Sister",
    "Wager",
)

PLACES: tuple[str, ...] = _words("""
    Ambleford Bréhaut Calder-Quay Dunmarrow Élancourt-sur-Brume Fenwick-Sound Göllersee Hallowmere
    Ilmarsund Jørsvik Karstholm Lindqvær Marazul Nouvelle-Brise Oxtarn Peña-Clara Quillhaven
    Råsund-Fjell São-Vento Tarnbridge Ullenmoor Vallóa Wexcombe Ystervik Zelmarin
""")

GIVEN_NAMES: tuple[str, ...] = _words("""
    Adélie Anselm Ariadne Bastian Benedikt Brisa Calista Casimir Corentin Dagny Delphine Edmar Eleni
    Elowen Emeric Esme Fabrizia Florian Gideon Greta Hadrien Halvard Imogen Isaura Ivo Jessamy Joaquim
    Kasimira Kjell Leocadia Linnea Lorcan Lucasta Maëlle Magnus Marisol Mirek Nadège Niamh Nikolai Odile
    Oisín Orsolya Osric Petra Quentin Rafaela Renske Rosalba Ruben Saskia Severin Silvan Sunniva Tadeo
    Tamsin Thaddeus Ulrika Valdis Viggo Wendel Xanthe Yannick Yseult Zelda Zoltan
""")

SURNAME_STEMS: tuple[str, ...] = _words("""
    Alder Birk Brack Carn Dalb Eisen Farn Gales Halv Isen Jarn Kest Lorn Mard Nether Orm Pell Quarn Rosk
    Sarn Tolv Umber Varn Wold Ysk Zand
""")

SURNAME_ENDINGS: tuple[str, ...] = _words("""
    aby acre andez bright dottir ekki ellier etti feld gaard hollow idis kessy lund mere oire quist
    thwaite vane wyck
""")

PROTAGONISTS: dict[str, tuple[str, str]] = {
    "Action": ("a disgraced bodyguard", "a stunt rider"),
    "Adventure": ("a young navigator", "an exiled explorer"),
    "Animation": ("a curious hedgehog", "a paper sailor"),
    "Children": ("a ten-year-old inventor", "three cousins"),
    "Comedy": ("an unlucky clerk", "a hopeless waiter"),
    "Crime": ("a retired safe-cracker", "an honest constable"),
    "Documentary": ("a film crew", "an archivist with a camera"),
    "Drama": ("a schoolteacher", "a returning son"),
    "Fantasy": ("an apprentice enchantress", "a reluctant heir"),
    "Film-Noir": ("a tired investigator", "a night clerk"),
    "Horror": ("a night nurse", "four students"),
    "IMAX": ("a team of pilots", "two explorers"),
    "Musical": ("an understudy", "a street singer"),
    "Mystery": ("a village librarian", "a sceptical inspector"),
    "Romance": ("a florist", "a lonely translator"),
    "Sci-Fi": ("a salvage engineer", "the last linguist"),
    "Thriller": ("an ex-courier", "a sleepless analyst"),
    "War": ("a young medic", "a deserter"),
    "Western": ("a one-armed sheriff", "a rancher's widow"),
}

COMPANIES: tuple[str, ...] = (
    "Lantern & Quay Pictures",
    "Nine Herons Film",
    "Ostrava Lane Productions",
    "Paper Moose Studios",
    "Tin Whistle Features",
    "Umbra Nord",
    "Cinéma du Brouillard",
    "Second Ferry Films",
    "Quillhaven Entertainment",
    "Blue Gable",
    "Estúdio Maré Alta",
    "Kettledrum Motion Pictures",
)

FREE_TAGS: tuple[str, ...] = (
    "to see again",
    "watched with friends",
    "BORING",
    "Great Soundtrack",
    "seen at a festival",
    "underrated",
    "overrated",
    "beautiful, but slow",
    "better than the book",
    'that "one long take"',
    "fell asleep",
    "Sunday afternoon",
    "très drôle",
    "rewatchable",
)
