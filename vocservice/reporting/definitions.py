"""Definition and method of each figure of a report: one text shared by the page, the workbook and the links to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from vocservice.reporting.estimate import MIN_N

ELSEWHERE = ("cause", "inflow", "new")
"""Keys used on pages of the workbench but not in a report."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The meaning and method of one kind of figure."""

    title: str
    text: str


_MENDED = (
    " Transcripts whose causes were all mended are left out: of each cause, an experience issue for all complaints of its stage and factor "
    "was closed on the day of the transcript or later, and no issue for that stage and factor, or for a cause in it, is open or mending."
)


def definitions(*, customers: int, behind_cause: int = 0, are_mended: bool = False) -> Mapping[str, Definition]:
    """Return the definitions by the key that figures refer to them by.

    Args:
        customers: number of different customers that makes a complaint shared.
        behind_cause: number of customers that a cause needs; 0 means the same as `customers`.
        are_mended: explain that closed issues of the workspace reduce "recovered but unfixed".
    """
    return {
        "records": Definition(
            "Records, customers",
            "Analyses with status ok; others are left out and counted by code. Records with the same customer key are one customer. "
            "A record without a key counts as a customer of its own, but not as an identified customer. Figures count records. "
            "Intervals use n² / Σ n² over customers as n (Kish 1965), as if all records of a customer said the same.",
        ),
        "net": Definition(
            "Net sentiment",
            "(positive − negative) / all, from −1 to +1: for records by their overall sentiment, for a factor by its polarity. "
            "Interval: adjusted Wald for a difference of paired proportions (Bonett and Price 2012).",
        ),
        "share": Definition(
            "Share",
            f"Wilson’s interval (1927). With fewer than {MIN_N} customers only n is shown.",
        ),
        "score": Definition(
            "Scores",
            "Mean with Student’s t interval, within the scale. If all scores are equal, as many others as Wilson’s interval for zero "
            "allows are assumed at either end of the scale. NPS: share of scores 9 and 10 minus share of scores 0 to 6, from −1 to +1.",
        ),
        "place": Definition(
            "Cell of the journey map",
            "Records that mention the factor at the stage. A factor belongs to the stages whose evidence it shares in the text; "
            "if it shares none, to the record’s first stage. Labels that the model withheld count as not given. A cell is coloured only "
            f"if it has {MIN_N} customers and its interval excludes zero; several records of one customer do not narrow the interval "
            "(Kish 1965). ▲ and ▼: blamed clearly more or less often than before, as under “What changed”; the table under the map "
            "gives the difference, its interval and q. Cells of a group count mentions; their change is of records.",
        ),
        "scope": Definition(
            "Service complaint, experience issue",
            "Service complaint: a single event of this customer that support can fix or answer. Experience issue: how things are in "
            "general; no single contact repairs it. A record with both counts in each, except where it says “only”.",
        ),
        "owner": Definition(
            "Owner, metric",
            "As defined in the taxonomy for each factor. A record that blames two factors counts for both owners; a complaint that "
            "blames none counts for the owner of its scope.",
        ),
        "ladder": Definition(
            "Promotion ladder",
            f"single: one customer. repeated: two or more. shared: at least {customers}. candidate: shared, and more frequent than the "
            "average blamed cell (binomial test; not if no other is blamed) or than its own rate before the last four weeks "
            "(beta-binomial test), q ≤ 0.05 over all "
            "blamed cells, including those with fewer customers (Benjamini and Hochberg 1995). The tests count customers, "
            "however often each complains. "
            "Words in common: from the evidence, used by at least five customers and more often than in other complaints. "
            "The first ten candidates are split into causes if their complaints have vectors.",
        ),
        "cause": Definition(
            "Cause",
            "Complaints of one stage and factor that say much the same. Customers are split at random into two halves. The latest 500 "
            "complaints of one half are grouped like themes, into at most five groups. The frequency of each is tested on up to 1,000 "
            "complaints of the other half (with the tests of the ladder, corrected over all causes). A cause is shown if "
            f"{behind_cause or customers} customers are behind it and use its words. "
            "A complaint belongs to a cause if the centre of that cause is the nearest of all centres to its vector, and as near as the "
            "nearest nine tenths of the complaints that formed it.",
        ),
        "unfixed": Definition(
            "Recovered but unfixed",
            "Transcripts that ended resolved although their scope is an experience issue, alone or with a complaint: the customer was "
            "helped, the cause remains. Lists what they blame, except how the contact went (service factors at the stage "
            "Cultivation)." + (_MENDED if are_mended else ""),
        ),
        "drivers": Definition(
            "Drivers",
            "Ridge regression of the score on factors, stages and scope, controlling for channel and segment. Intervals by resampling "
            "customers (1,000 times), q from the same spread (Student’s t), corrected over all terms (Benjamini and Hochberg); "
            "clear means q ≤ 0.05. One model per kind of score with enough scores; NPS counts a promoter (9, 10) as +1, a detractor "
            "(0 to 6) as −1. Only if no kind has enough, all are scaled to 0 to 1 and pooled, controlling for the scale. "
            "A yes/no column chosen by the reader counts yes as 1 and no as 0. "
            "“Without it”: impact times how often it is said. Needs 50 scored records, and 10 mentions of a term.",
        ),
        "parts": Definition(
            "Part of R²",
            "Shapley value of R²: the average over the orders in which terms can enter after the controls (Lindeman, Merenda "
            "and Gold 1980; random orders: Grömping 2007). Parts and controls sum to R². Interval: 100 resamples of customers, "
            "corrected for what resampling adds to R².",
        ),
        "priority": Definition(
            "Priority",
            "Negative factors, split at the medians of how often they are blamed and of what they cost: fix first; frequent, mild; "
            "rare, costly; watch. “Not clear” if q of the driver is above 0.05.",
        ),
        "segment": Definition(
            "Segment",
            "A field that the sender added, such as plan or region: its twelve most frequent values, and “other” for the rest. "
            "The workbench shows a value only if at least "
            f"{MIN_N} records of {MIN_N} customers share it, and does not use fields that identify people.",
        ),
        "themes": Definition(
            "Themes of a cell",
            "The latest 1,500 records of a cell, clustered (spherical k-means): by the vectors of the model, or by "
            "shared words if the records came labelled. Each theme is named by words that distinguish it and that as many customers use as "
            "a theme needs; if there are none, after “mostly”, by the words that most of its customers (at least two) use, even if others "
            "use them too. Quotes are the records nearest to its centre, one per customer.",
        ),
        "odd": Definition(
            "What stands out",
            "By week (the latest 104) and by day (the latest 91): number of records, sentiment, each kind of score, and shares. "
            "Points count records; intervals, ranges and tests count customers, each once a week or day, by the mean of their records. "
            "A week is compared with the eight before, a day with the same weekday of the eight weeks before. The range is "
            "beta-binomial, for counts gamma-Poisson; it widens with few customers, a short past, and as much as the "
            "series has varied so far. While records keep coming in, a week or day without any counts too, for at most eight weeks. "
            "With a further year of weeks, the eight are adjusted by how the same weeks compared a year ago. q is over all points "
            "of all series (Benjamini and Hochberg).",
        ),
        "changes": Definition(
            "What changed",
            "Share of records that blame a factor at a stage; differences in percentage points. Two-proportion z test, or Fisher’s exact "
            "test if counts are small; interval of Newcombe (1998). The test counts customers, each once, by the share of their records in "
            f"a set; intervals are as wide as those of cells of the map; not known below {MIN_N} customers in a set. Net sentiment of a "
            "stage or factor: interval from both intervals (Zou and Donner 2008). Each is corrected over all that were tested "
            "(Benjamini and Hochberg). Channels differ: total variation distance "
            "above 0.1.",
        ),
        "causes": Definition(
            "Change split four ways",
            "Channel mix: the part due to the shares of the channels (Kitagawa 1955). Model and taxonomy version: how much more of the "
            "second set a version labelled, times how an anchor set (the same texts labelled by each version) differs between versions. "
            "Customers: the rest, which is what people say. The four sum to the change; intervals by 500 resamples of customers and of "
            "anchors. Computed for sentiment, scope and scores, and, among negative shares of stages and factors and the flags, for the "
            "twelve that moved most beyond chance.",
        ),
        "quotes": Definition(
            "Quotes",
            f"At most three from each of the five most blamed and five most praised cells: redacted texts with marked evidence, only "
            f"if at least {MIN_N} records of {MIN_N} customers say the same.",
        ),
        "inflow": Definition(
            "Inflow of an issue",
            "Service complaints that blame the factor at the stage, as a share of records with a scope; tests count each customer once, by "
            "the share of their records that complain. The last four weeks since the issue was opened are compared with the eight weeks "
            "that ended four weeks before it was opened; or with those four weeks, if complaints had risen in them beyond chance "
            "(p ≤ 0.0001). If complaints are so few that even none would be no clear fall, up to 26 weeks since are compared with all the "
            "time before. Fallen: two-proportion z test (Fisher’s exact test if counts are small), p ≤ 0.02 now and as of 14 days ago. "
            "Risen: p ≤ 0.05. Not known before two weeks have passed, with fewer than 30 customers on a side, or with so few complaints "
            "that no fall could show. For one cause: its complaints among the customers who were not used to form it; not known if "
            "complaints without a vector could change the verdict.",
        ),
        "new": Definition(
            "New themes",
            "Records without a factor, or with none of probability above one half, of two periods, clustered together. Growing: a larger "
            "share of all records in the second period, two-proportion test, q ≤ 0.05 (Benjamini and Hochberg). New: none in the first "
            "period.",
        ),
    }
