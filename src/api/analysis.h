#ifndef API_ANALYSIS_H
#define API_ANALYSIS_H

/* The analysis of a file has routes and words of its own, which the pages for
 * it know. A job like any other stands behind it: */
#define ANALYSIS_TYPE "analyze-file"

/* What it makes, and what a download called just <jobId>.xlsx means. */
#define ANALYSIS_REPORT "result.xlsx"

#endif
