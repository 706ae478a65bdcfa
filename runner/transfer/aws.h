/*
 * Who we are to AWS, and where it is: the environment (AWS_*), then a profile of
 * ~/.aws/credentials and ~/.aws/config. Sources: "Environment variables" and "Configuration and
 * credential file settings" in the AWS CLI's user guide, and the AWS SDKs' reference guide on
 * service-specific endpoints. Single sign-on, roles and instance metadata are not asked; their
 * credentials can be put into the environment (`aws configure export-credentials`).
 */
#ifndef PTD_TRANSFER_AWS_H
#define PTD_TRANSFER_AWS_H

#include <stdbool.h>

#include "base/err.h"

struct ptd_aws {
    char *key, *secret, *token; /* owned; token NULL: none */
    char *region;               /* owned */
    char *endpoint;             /* owned; NULL: AWS's own */
    bool path_style;            /* the bucket in the path, not in the host's name */
    bool style_said;            /* by the profile */
};

/* PTD_E_NET with what to do when there are no credentials, PTD_E_CONFIG for a file that cannot be
 * read or a profile that is not there. */
int ptd_aws_load(struct ptd_aws *out, struct ptd_err *err);
void ptd_aws_release(struct ptd_aws *aws);

#endif
