/* A run as one page of HTML that needs no other file (report/html/). */
#ifndef PTD_REPORT_HTML_H
#define PTD_REPORT_HTML_H

#include "report/run_report.h"

void ptd_html_page(const struct ptd_run_report *report, struct ptd_buf *out);

#endif
