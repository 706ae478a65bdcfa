/* The options of `pyt-diff serve`. */
#include "config/commands.h"

#define AT(member) offsetof(struct ptd_options, serve.member)

/* clang-format off */
const struct ptd_option_spec ptd_serve_option_table[PTD_SERVE_OPTIONS] = {
    {"--listen", "HOST:PORT", false, ptd_option_set_text, AT(listen), NULL, PTD_GROUP_RUN, NULL,
     "Where to listen; default: 127.0.0.1:8417. Port 0 takes any that is free."},
    {"--db", "FILE", false, ptd_option_set_text, AT(database), NULL, PTD_GROUP_RECORD, NULL,
     "The server's database, made when it is missing; default: pyt-diff-passes.db."},
    {"--keep", "DAYS", false, ptd_option_set_number, AT(keep), NULL, PTD_GROUP_RECORD, NULL,
     "Delete a pass that nobody asked for this long; default: 90."},
    {"--max-request", "MIB", false, ptd_option_set_number, AT(max_request), NULL, PTD_GROUP_RUN,
     NULL, "Refuse requests that are larger; default: 8."},
    {"--max-rate", "N", false, ptd_option_set_number, AT(max_rate), NULL, PTD_GROUP_RUN, NULL,
     "Requests a second that one token may make, for two seconds twice as many; default: 100."},
    {"--max-clients", "N", false, ptd_option_set_number, AT(max_clients), NULL, PTD_GROUP_RUN,
     NULL, "Connections at the same time; default: 256."},
    {"--expires", "DAYS", false, ptd_option_set_number, AT(expires), NULL, PTD_GROUP_SELECT, NULL,
     "token add: the token is valid this long; without it until it is revoked."},
    {"--project", "NAME", false, ptd_option_set_text, AT(project), NULL, PTD_GROUP_SELECT, NULL,
     "token add: tokens of one project share their passes; default: default."},
    {"--read-only", NULL, false, ptd_option_set_flag, AT(read_only), NULL, PTD_GROUP_SELECT, NULL,
     "token add: the token may ask, and not publish."},
};
/* clang-format on */
