"""The vocabulary of content: genres, themes at home in them, verdicts, and the communities that seek them."""

from __future__ import annotations

from typing import NamedTuple

GENRES: tuple[str, ...] = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)


class Theme(NamedTuple):
    """A genome tag about content, the genres it is at home in, its TMDB keywords and synopsis phrases."""

    tag: str
    genres: tuple[str, ...]
    keywords: tuple[str, ...]
    phrases: tuple[str, str]


class Verdict(NamedTuple):
    """A genome tag about how a movie is received: its relevance follows quality and age, not content."""

    tag: str
    per_quality: float
    per_age: float


class Community(NamedTuple):
    """A taste shared by many users: the genres that they seek and those that they avoid."""

    name: str
    seeks: tuple[str, ...]
    avoids: tuple[str, ...]


def _parse(table: str) -> tuple[Theme, ...]:
    rows = (tuple(cell.strip() for cell in line.split("|")) for line in table.strip().splitlines())
    return tuple(
        Theme(tag, tuple(genres.split(", ")), (tag, *keywords.split(", ")), (first, second))
        for tag, genres, keywords, first, second in rows
    )


THEMES: tuple[Theme, ...] = _parse("""
car chase | Action, Crime | getaway, street race | a getaway through crowded streets | the fastest driver in town
martial arts | Action | dojo, tournament | a forbidden fighting style | a tournament without rules
explosions | Action, War | bomb, demolition | a bomb beneath the stadium | a chain of blasts
revenge | Action, Western | vengeance, feud | an oath of vengeance | a debt of blood
special forces | Action, War, Thriller | commando, rescue mission | a rescue behind the border | a commando unit left for dead
treasure hunt | Adventure, Children | map, lost gold | half of a torn map | gold beneath the reef
sea voyage | Adventure | ship, mutiny | a mutiny on the open sea | a ship that no port will take
jungle | Adventure, IMAX | expedition, rainforest | an expedition up the river | a rainforest without paths
lost city | Adventure, Fantasy | ruins, archaeology | a city that no map shows | ruins older than writing
mountaineering | Adventure, Documentary | summit, avalanche | the unclimbed north face | an avalanche at dawn
talking animals | Animation, Children | fable, menagerie | a choir of talking badgers | a fox with a plan
toys | Animation, Children | puppet, toymaker | a toymaker's last puppet | a shelf that wakes at night
hand drawn | Animation | watercolour, sketchbook | a sketchbook that draws itself | a world of ink and water
school | Children, Comedy | classroom, pupil | the worst class of the school | a substitute teacher's secret
summer holiday | Children, Romance | camp, lake | one long summer at the lake | a camp on the wrong island
dogs | Children, Comedy | puppy, stray | a stray that follows everyone home | a dog show gone astray
slapstick | Comedy | pratfall, chaos | a wedding cake on wheels | a chain of small disasters
satire | Comedy, Drama | bureaucracy, irony | a ministry that lost its purpose | a mayor who believes the posters
mistaken identity | Comedy, Romance | impostor, double | a name on the wrong door | an impostor who does the job better
road trip | Comedy, Drama | highway, hitchhiker | a borrowed van | two thousand miles of quarrels
stand-up | Comedy, Documentary | comedian, nightclub | an open microphone | a joke that went too far
heist | Crime, Thriller | vault, robbery | a vault with one flaw | a robbery planned for years
mafia | Crime, Drama | mob, godmother | a family that owns the harbour | a seat at the wrong table
prison | Crime, Drama | inmate, escape | a tunnel behind the laundry | an innocent inmate
courtroom | Crime, Drama | lawyer, trial | a trial without witnesses | a jury of twelve doubts
corruption | Crime, Film-Noir | bribe, police | a ledger of bribes | a precinct on the take
nature | Documentary, IMAX | wildlife, migration | the longest migration | a year in the wetlands
politics | Documentary, Drama | election, campaign | an election nobody wanted | a speech in the drawer
music business | Documentary, Musical | band, studio | a band on its last tour | a record that was never pressed
food | Documentary, Comedy | chef, restaurant | a kitchen in a railway car | a recipe worth stealing
biography | Documentary, Drama | portrait, archive | a life told in letters | a box of unlabelled reels
family drama | Drama | siblings, inheritance | an inheritance that divides three siblings | a dinner nobody leaves
coming of age | Drama, Children | adolescence, first job | the last year of childhood | a first job at the cannery
grief | Drama | loss, widow | an empty chair at the table | a widow's unread letters
small town | Drama, Mystery | village, gossip | a village that keeps quiet | gossip at the bakery
mental illness | Drama, Thriller | asylum, memory | a mind that keeps two diaries | a doctor who stops asking
class conflict | Drama | strike, factory | a strike at the glassworks | the stairs between two worlds
sports | Drama, Comedy | coach, championship | a team that never won | a coach with one season left
magic | Fantasy, Children | spell, wizard | a spell that cannot be unsaid | a school for hedge wizards
dragons | Fantasy, Adventure | dragon, quest | the last dragon of the valley | a quest across the salt plain
fairy tale | Fantasy, Animation | enchanted, forest | an enchanted forest | a bargain at the crossroads
mythology | Fantasy, Adventure | gods, oracle | an oracle that lies | gods who rent rooms
private eye | Film-Noir, Mystery | detective, client | a client who pays in advance | a photograph torn in two
femme fatale | Film-Noir, Crime | seduction, double cross | a singer with three names | a kiss before the double cross
rain and neon | Film-Noir, Sci-Fi | night, city | a city of rain and neon | a corner where nobody waits
ghosts | Horror, Mystery | haunting, spirit | a house that remembers | footsteps over the nursery
vampires | Horror, Fantasy | blood, night | a guest who casts no shadow | a count without a county
slasher | Horror | masked killer, knife | a masked figure in the corn | a cabin with one exit
zombies | Horror, Action | undead, outbreak | an outbreak at the ferry port | the dead on the ring road
body horror | Horror, Sci-Fi | mutation, experiment | an experiment that grows | a skin that will not stay
big screen | IMAX, Documentary | aerial view, spectacle | the world seen from above | a flight through the canyon
dance | Musical, Romance | ballet, rehearsal | a rehearsal without music | a ballroom after closing time
broadway | Musical, Comedy | stage, chorus line | an understudy's only night | a chorus line on strike
jazz | Musical, Film-Noir | trumpet, club | a trumpet in pawn | the club beneath the laundry
whodunit | Mystery | murder, suspects | a murder at the reading of the will | eleven suspects and a snowed-in road
conspiracy | Mystery, Thriller | secret society, cover-up | a file that does not exist | a society that meets on paper
missing person | Mystery, Drama | disappearance, search | a daughter who never arrived | an empty car by the bridge
love triangle | Romance, Drama | jealousy, affair | a love divided by three | a letter sent to the wrong lover
wedding | Romance, Comedy | bride, family | a wedding with two brides | a groom lost in transit
long distance love | Romance | letters, reunion | a love kept alive by post | a reunion ten years late
period romance | Romance, Drama | manor, corset | a ball at the manor | an engagement nobody believes
space travel | Sci-Fi, Adventure | spaceship, astronaut | a ship beyond the last relay | an astronaut who heard singing
artificial intelligence | Sci-Fi, Thriller | robot, android | a machine that asks why | an android with borrowed memories
time travel | Sci-Fi, Fantasy | paradox, time machine | a machine that unpicks yesterday | a loop of eleven minutes
aliens | Sci-Fi, Horror | invasion, first contact | visitors who send only questions | an invasion by mail
dystopia | Sci-Fi, Drama | future, regime | a state that rations sleep | the last free district
virtual reality | Sci-Fi | simulation, hacker | a game that refuses to end | a simulated childhood
espionage | Thriller, War | spy, double agent | a double agent's holiday | a code hidden in a crossword
serial killer | Thriller, Crime | profiler, clue | a killer who sends invitations | a profiler who knows the hand
hostage | Thriller, Action | siege, negotiation | a siege in the concert hall | a negotiator without a voice
stalker | Thriller | obsession, surveillance | a watcher in the flat opposite | cameras nobody ordered
trench warfare | War, Drama | soldiers, front | a winter at the front | a truce that lasted one song
resistance | War, Thriller | occupation, partisan | an occupied town | partisans in the bell tower
submarine | War, Action | navy, torpedo | a submarine with no orders | silence at three hundred metres
gunfight | Western, Action | outlaw, duel | a duel at the dry well | an outlaw who teaches Sunday school
frontier | Western, Drama | settlers, homestead | a homestead beyond the fence | a railway that must not come
cattle drive | Western, Adventure | cowboy, ranch | a thousand head of cattle | a ranch staked on a card
""")  # noqa: E501

VERDICTS: tuple[Verdict, ...] = (
    Verdict("masterpiece", 2.2, 0.6),
    Verdict("great acting", 1.8, 0.2),
    Verdict("boring", -1.6, 0.1),
    Verdict("predictable", -1.4, -0.4),
    Verdict("black and white", 0.2, 2.4),
    Verdict("visually stunning", 1.0, -0.8),
)

COMMUNITIES: tuple[Community, ...] = (
    Community("thrill seekers", ("Action", "Thriller", "Crime"), ("Musical", "Romance")),
    Community("families", ("Children", "Animation", "Adventure"), ("Horror", "Film-Noir")),
    Community("dreamers", ("Fantasy", "Sci-Fi", "Adventure"), ("Documentary", "Western")),
    Community("art house", ("Drama", "Documentary", "Mystery"), ("Action", "IMAX")),
    Community("romantics", ("Romance", "Comedy", "Musical"), ("Horror", "War")),
    Community("night owls", ("Horror", "Sci-Fi", "Thriller"), ("Children", "Musical")),
    Community("classicists", ("Film-Noir", "Mystery", "Western"), ("Animation", "IMAX")),
    Community("historians", ("War", "Drama", "Western"), ("Fantasy", "Children")),
)

# What is filmed together; a movie starts from one of these and may lose or gain a genre.
GENRE_MIXES: tuple[tuple[str, ...], ...] = (
    ("Drama",),
    ("Drama",),
    ("Comedy",),
    ("Comedy",),
    ("Drama", "Romance"),
    ("Comedy", "Romance"),
    ("Comedy", "Drama"),
    ("Action", "Adventure", "Sci-Fi"),
    ("Action", "Crime", "Thriller"),
    ("Action", "Thriller"),
    ("Adventure", "Fantasy"),
    ("Adventure", "Animation", "Children"),
    ("Animation", "Children", "Comedy"),
    ("Children", "Comedy"),
    ("Crime", "Drama"),
    ("Crime", "Film-Noir", "Mystery"),
    ("Documentary",),
    ("Drama", "War"),
    ("Horror",),
    ("Horror", "Thriller"),
    ("Horror", "Sci-Fi"),
    ("Comedy", "Musical"),
    ("Mystery", "Thriller"),
    ("Sci-Fi", "Thriller"),
    ("Action", "War"),
    ("Western",),
    ("Adventure", "Documentary", "IMAX"),
)
