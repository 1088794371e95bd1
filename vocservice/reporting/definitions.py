"""Nothing in, what each figure of a report means and how it is made out: one text for the page, the workbook and the links to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from vocservice.reporting.estimate import MIN_N

ELSEWHERE = ("cause", "inflow", "new")
"""Those that pages of the workbench use and a report does not."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The meaning and method of one kind of figure."""

    title: str
    text: str


_MENDED = (
    " Left out is what is mended: of each cause an experience issue for all complaints of its stage and factor was closed on the day of "
    "the transcript or later, and none for that stage and factor, or for a cause in it, is open or mending."
)


def definitions(*, customers: int, behind_cause: int = 0, are_mended: bool = False) -> Mapping[str, Definition]:
    """Key of each definition, as the figures name it, to the definition.

    Args:
        customers: how many different customers make a shared complaint.
        behind_cause: how many must stand behind a cause; as many by default.
        are_mended: say what the issues of a workspace leave out of what is unfixed.
    """
    return {
        "records": Definition(
            "Records, customers",
            "Analyses with status ok; others are left out and counted by code. Records with the same customer’s key are one customer; "
            "a record without a key counts as a customer of its own, and is none of those told apart. Figures count records; intervals are "
            "as wide as those of n² / Σ n² of the customers records would be (Kish 1965), as if all records of a customer said the same.",
        ),
        "net": Definition(
            "Net sentiment",
            "(positive − negative) / all, from −1 to +1; of records by their overall sentiment, of a factor by its polarity. "
            "Interval: adjusted Wald for a difference of paired proportions (Bonett and Price 2012).",
        ),
        "share": Definition(
            "Share",
            f"With Wilson’s interval (1927). With fewer than {MIN_N} customers nothing is said but n.",
        ),
        "score": Definition(
            "Scores",
            "Mean with its interval (Student's t), within the scale; where all scores are equal, as many others as Wilson’s interval of "
            "none lets expect may lie at either end of it. NPS: scores 9 and 10 less scores 0 to 6, from −1 to +1.",
        ),
        "place": Definition(
            "Cell of the journey map",
            "Records that mention the factor at the stage. A factor stands at the stages whose evidence it shares in the text; "
            "where it shares none, at the record’s first stage. Labels that the model withheld count as not given. Painted only "
            f"where {MIN_N} customers are heard and the interval leaves out zero; records of one customer make it no narrower than "
            "one record would (Kish 1965). ▲ and ▼: blamed clearly more or less often than before, as under “What changed”; how "
            "much, with interval and q, stands in the table under the map. Cells of a group count mentions; their change is of records.",
        ),
        "scope": Definition(
            "Service complaint, experience issue",
            "Service complaint: one event of this customer that support can fix or answer. Experience issue: how things are; no "
            "single contact repairs it. A record with both counts as each, except where “only” is said.",
        ),
        "owner": Definition(
            "Owner, metric",
            "As the taxonomy names them for each factor. A record that blames two factors counts for both owners; a complaint that "
            "blames none counts for the owner of its scope.",
        ),
        "ladder": Definition(
            "Promotion ladder",
            f"single: one customer; repeated: two or more; shared: at least {customers}; candidate: shared, and more often than the "
            "average blamed cell (binomial test) or than its own rate before the last four weeks (beta-binomial test), q ≤ 0.05 over all "
            "blamed cells, those with fewer customers too (Benjamini and Hochberg 1995). What is tested and expected are customers, "
            "however often each complains. "
            "Words in common: of the evidence, used by at least five customers and more often than in other complaints. "
            "The first ten candidates are told apart by causes, where their complaints have vectors.",
        ),
        "cause": Definition(
            "Cause",
            "Complaints of one stage and factor that say much the same. Customers are drawn into two halves: the latest 500 complaints of "
            "the one are grouped as themes are, into five groups at most; how frequent a group is, is tested on up to 1,000 of the other "
            f"(as a rung, corrected over all causes). Shown where {behind_cause or customers} customers stand behind it and use its words. "
            "A complaint is of a cause where of the centres of these groups its own is the nearest to its vector, and no "
            "farther than nine tenths of the complaints that made it.",
        ),
        "unfixed": Definition(
            "Recovered but unfixed",
            "Transcripts that ended resolved and whose scope is an experience issue, alone or with a complaint: the customer was "
            "helped, the cause stays. Named is what they blame of all but how the contact went: factors of service at the stage "
            "Cultivation are no cause." + (_MENDED if are_mended else ""),
        ),
        "drivers": Definition(
            "Drivers",
            "Ridge regression of the score on factors, stages and scope, with channel and segment held equal; intervals by resampling "
            "customers (1,000 times), q by the same spread, corrected over all terms of the model (Benjamini and Hochberg); clear is "
            "q ≤ 0.05. A model for each kind of score that has enough; NPS counts a promoter (9, 10) as +1, a detractor "
            "(0 to 6) as −1. Only where no kind has enough, all are scaled to 0 to 1 and taken together, with the scale held equal. "
            "A yes/no column that the reader names counts 1 for yes and 0 for no. "
            "“Without it”: impact times how often it is said. Said at least 10 times, or not known; 50 scored records at least.",
        ),
        "parts": Definition(
            "Part of R²",
            "The Shapley value of R²: averaged over the orders in which the terms can enter after the controls (Lindeman, Merenda "
            "and Gold 1980; random orders: Grömping 2007). Parts and controls sum to R². Interval: 100 resamples of customers, "
            "moved back by what resampling adds to R².",
        ),
        "priority": Definition(
            "Priority",
            "Negative factors, split at the medians of how often they are blamed and of what they cost: fix first; frequent, mild; "
            "rare, costly; watch. “Not clear” where q of the driver is above 0.05.",
        ),
        "segment": Definition(
            "Segment",
            "A field that the sender told of its own, such as plan or region, and its twelve most frequent values; all others are one "
            "group, other. In the workbench a value stands by itself only where at least "
            f"{MIN_N} records of {MIN_N} customers share it, and a field that tells people apart is no segment.",
        ),
        "themes": Definition(
            "Themes of a cell",
            "Records of a cell, the latest 1,500, in groups that stand apart (spherical k-means): by the vectors of the model, by their "
            "shared words where the records came labelled. Named by words that set a group apart and that as many customers use as a "
            "theme needs; where there are none, by those that more of its customers use than any other, two at least, though others do "
            "too (“mostly”). Quoted by the records nearest to its centre, one a customer.",
        ),
        "odd": Definition(
            "What stands out",
            "By week (the latest 104) and by day (the latest 91): the number of records, sentiment, each kind of score, and shares. "
            "Points count records; intervals, ranges and tests count customers, each once a week or day, by the mean of its records. "
            "A week is held against the eight before, a day against the same weekday of the eight weeks before. The range is that of "
            "a beta-binomial, for counts of a gamma-Poisson; it widens with few customers and a short past, and as much as the series "
            "has gone up and down so far. Where records come in all the time a week or day without any counts, eight weeks at most. "
            "With a year of weeks before, the eight are moved by how the same weeks stood to each other a year ago. q over all points "
            "of all series (Benjamini and Hochberg).",
        ),
        "changes": Definition(
            "What changed",
            "Share of records that blame a factor at a stage, its difference in points (of 100): z test of two proportions, Fisher’s exact "
            "test for few; interval of Newcombe (1998). The test counts customers, each once, by the share of its records in a set; "
            f"intervals are as wide as those of cells of the map; below {MIN_N} customers in a set nothing is said. Net sentiment of a "
            "stage or factor: interval of both intervals (Zou and Donner 2008). Each corrected over all that were tested "
            "(Benjamini and Hochberg). Channels differ: total variation distance "
            "above 0.1.",
        ),
        "causes": Definition(
            "Change split four ways",
            "Channel mix: what the shares of the channels did (Kitagawa 1955). Model and taxonomy version: how much more of the "
            "second set a version labelled, times how an anchor set, the same texts labelled by each version, differs between them. "
            "Customers: what is left, what people say. The four sum to the change; intervals by 500 resamples of customers and of "
            "anchors. Followed are sentiment, scope and scores, and of the negative shares of stages and factors and of the flags the "
            "twelve that moved most beyond chance.",
        ),
        "quotes": Definition(
            "Quotes",
            f"From the five most blamed and the five most praised cells, at most three each: redacted texts, the evidence marked, only "
            f"where at least {MIN_N} records of {MIN_N} customers say the same.",
        ),
        "inflow": Definition(
            "Inflow of an issue",
            "Service complaints that blame the factor at the stage, as a share of records with a scope; tests count each customer once, by "
            "the share of its records that complain. Compared are the last four weeks since it "
            "was opened against the eight weeks that ended four weeks before, or against these four where they had risen beyond chance "
            "(p ≤ 0.0001). Where so few complaints come that none at all would be no clear fall: up to 26 weeks since, all the time "
            "before. Fallen: z test of two proportions (Fisher’s exact test for few), p ≤ 0.02 now and as it stood 14 days ago; risen: "
            "p ≤ 0.05. Not known before two weeks have passed, with fewer than 30 customers on a side, or with so few complaints that no "
            "fall could show. Of one cause: its complaints among the customers who did not make it; not known where complaints without "
            "a vector could change what is said.",
        ),
        "new": Definition(
            "New themes",
            "Records without a factor, or with none that is likelier than not, of two periods, grouped together. Growing: a larger share "
            "of all records in the second period, test of two proportions, q ≤ 0.05 (Benjamini and Hochberg); new where the first has "
            "none.",
        ),
    }
