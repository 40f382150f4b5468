"""The scenarios that are played in every way: sim_explore.py explains actions, sim_world.py objects."""

from support.sim_explore import Scenario

A1, A1_FILE = "R1 a1x", "remove 1.2.97.1.dcm"  # a is 97 in ASCII
# Confirmed by A, refused by B, which is named no more: the next pass of the scu removes it.
ABOUT_TO_LEAVE = (A1, "refuse B", "scu", "accept", "route A")

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("an object comes, and comes again", race=(A1,), after=("R2 a1x",)),
        Scenario("an object comes, then other bytes under its UID", race=(A1,), after=("R2 a1y",)),
        Scenario("two versions come at once", race=(A1, "R2 a1y"), after=("R1 a1z",)),
        Scenario("a second version comes", before=(A1,), race=("R2 a1y",), after=(A1_FILE, "R1 a1z")),
        Scenario(
            "two versions come while the scu looks",
            before=("R1 a2w",),
            race=("scu", A1, "R2 a1y"),
            as_written=True,
        ),
        Scenario("the first of two versions comes again", before=(A1, "R1 a1y"), race=("R2 a1x",)),
        Scenario("two studies of a patient come at once", race=(A1, "R2 b1x"), after=("R2 a2x", "R1 b2x")),
        Scenario("two in one process", race=(A1, "R1 a2x"), after=("R2 a1x",)),
        Scenario("it comes again while it is delivered", before=(A1,), race=("R2 a1x", "scu"), after=("R1 a1x",)),
        Scenario("it comes again after it was delivered", before=(A1,), race=("scu",), after=("R2 a1x",)),
        Scenario("it is delivered", before=(A1,), race=("scu",)),
        Scenario("it comes again and leaves", before=ABOUT_TO_LEAVE, race=("R2 a1x", "scu"), route=("A", "B")),
        Scenario(
            "it comes again, and leaves, and another takes its name",
            before=ABOUT_TO_LEAVE,
            race=("R2 a1x", "scu", "R1 a1y"),
            as_written=True,
            route=("A", "B"),
        ),
        Scenario("it comes again after it was refused", before=(A1, "refuse A", "scu", "accept"), race=("R2 a1x",)),
        Scenario("it comes again while a person removes it", before=(A1,), race=("R2 a1x", A1_FILE)),
        Scenario(
            "a person removes what is being delivered, and another takes its name",
            before=(A1,),
            race=("scu", A1_FILE, "R2 a1y"),
            moment="x to A",
            as_written=True,
        ),
        Scenario(
            "a third version comes while the first two leave",
            before=("R1 a0w", A1, "R1 a1y"),
            race=("scu", "R2 a1z"),
        ),
        Scenario(
            "two destinations, one refuses for a while",
            before=(A1, "R1 a1y", "refuse B"),
            race=("scu", "route B"),
            after=("scu", "route A B"),
            route=("A", "B"),
        ),
        Scenario(
            "no destination is named, then one", before=(A1,), race=("scu", "R2 a1y"), after=("route A",), route=()
        ),
        Scenario("a destination commits later", before=(A1,), race=("scu",), after=("scu",), route=("C",)),
        Scenario("one destination confirms, one is to commit", before=(A1,), race=("scu",), route=("A", "C")),
        Scenario(
            "it comes again before the commitment",
            before=(A1, "scu"),
            race=("R2 a1x", "scu"),
            after=("R1 a1y",),
            route=("C",),
        ),
        Scenario("a destination has lost it", before=(A1, "scu", "lose C"), race=("scu", "R2 a1y"), route=("C",)),
        Scenario("it has no pixels", race=("R1 a1!",), after=("R2 a1!",)),
        Scenario("a study folder is removed while an object comes", before=(A1,), race=("scu retires", "R1 a2x")),
        Scenario(
            "a study folder's name is used again",
            before=(A1, "scu retires"),
            race=("R2 b1x", "R1 a2x"),
            after=("R1 a3x", "R2 b2x"),
            as_written=True,
        ),
        Scenario(
            "a person releases what was quarantined",
            before=("R1 a1!", "rules change"),
            race=("scu releases", "R2 a2x"),
            after=("scu", "R1 a1!"),
        ),
        Scenario(
            "a person releases what was quarantined, and it comes again with its pixels",
            before=("R1 a1!", "rules change"),
            race=("scu releases", "R2 a1x"),
        ),
        Scenario("a person discards what was refused", before=(A1, "refuse A", "scu"), race=("scu discards", "R2 a1x")),
        Scenario("a person discards what is held", before=(A1, "scu holds"), race=("scu discards", "R2 a1x")),
        Scenario("a person discards what has no pixels", before=("R1 a1!",), race=("scu discards", "R2 a1!")),
        Scenario(
            "a person holds a study while it comes",
            before=(A1,),
            race=("scu holds", "R2 a2x"),
            after=("scu", "R1 a3x", "scu", "scu discards"),
        ),
        Scenario(
            "a person releases a held study", before=(A1, "scu holds"), race=("scu releases", "R2 a2x"), after=("scu",)
        ),
        Scenario(
            "a person holds an object that is stored, and its destination loses it",
            before=(A1, "scu"),
            race=("scu holds 1.2.97.1", "R2 a2x"),
            after=("lose C", "scu", "scu"),
            route=("C",),
        ),
        Scenario(
            "a person has it sent again",
            before=(A1, "refuse B", "scu", "accept"),
            race=("scu resends A", "R2 a1y"),
            after=("scu",),
            route=("A", "B"),
        ),
        Scenario("a receiver starts while another receives", before=("kill R2",), race=("start R2", A1)),
        Scenario("two processes start at once", before=("kill R1", "kill R2"), race=("start R1", "start R2")),
    )
}
