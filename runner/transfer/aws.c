#include "transfer/aws.h"

#include <ctype.h>
#include <iniparser.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* A file and the section of it that the profile is. */
struct section {
    dictionary *ini; /* NULL: there is no file */
    char *path;
    char name[256]; /* in small letters, as iniparser keeps them */
};

static char complaint[256]; /* of iniparser, which has no other way to say it */

__attribute__((format(printf, 1, 2))) static int note_complaint(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(complaint, sizeof(complaint), fmt, ap);
    va_end(ap);
    complaint[strcspn(complaint, "\n")] = '\0';
    return n;
}

static const char *said(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static char *file_path(const char *variable, const char *name)
{
    const char *path = said(variable), *home = said("HOME");
    if (path)
        return ptd_xstrdup(path);
    struct passwd *user = home ? NULL : getpwuid(getuid());
    PTD_CLEANUP_FREE char *dir = ptd_path_join(home ? home : user ? user->pw_dir : "/", ".aws");
    return ptd_path_join(dir, name);
}

static int open_section(struct section *s, const char *variable, const char *name,
                        const char *section, struct ptd_err *err)
{
    s->path = file_path(variable, name);
    snprintf(s->name, sizeof(s->name), "%s", section);
    for (char *p = s->name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (access(s->path, F_OK) < 0)
        return 0;
    *complaint = '\0';
    iniparser_set_error_callback(note_complaint);
    s->ini = iniparser_load(s->path);
    if (s->ini)
        return 0;
    ptd_err_set(err, PTD_E_CONFIG, "cannot read %s: %s", s->path,
                *complaint ? complaint : "it is no INI file");
    return ptd_err_hint(err,
                        "lines may have 1023 characters; a longer session token can be given in "
                        "AWS_SESSION_TOKEN, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

static void close_section(struct section *s)
{
    if (s->ini)
        iniparser_freedict(s->ini);
    free(s->path);
}

static const char *look_up(const struct section *s, const char *key)
{
    char name[320];
    snprintf(name, sizeof(name), "%s:%s", s->name, key);
    const char *value = s->ini ? iniparser_getstring(s->ini, name, NULL) : NULL;
    return value && *value ? value : NULL;
}

/* The profile's value, of the one file or the other. */
static const char *from_profile(const struct section *both, const char *key)
{
    const char *value = look_up(&both[0], key);
    return value ? value : look_up(&both[1], key);
}

static char *copy_or_null(const char *text)
{
    return text ? ptd_xstrdup(text) : NULL;
}

static bool has_section(const struct section *s)
{
    return s->ini && iniparser_find_entry(s->ini, s->name);
}

static int take_credentials(struct ptd_aws *out, const struct section *both, const char *profile,
                            struct ptd_err *err)
{
    const char *key = said("AWS_ACCESS_KEY_ID"), *secret = said("AWS_SECRET_ACCESS_KEY");
    if (key && secret) {
        out->key = ptd_xstrdup(key);
        out->secret = ptd_xstrdup(secret);
        out->token = copy_or_null(said("AWS_SESSION_TOKEN"));
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        key = look_up(&both[i], "aws_access_key_id");
        secret = look_up(&both[i], "aws_secret_access_key");
        if (!key || !secret)
            continue;
        out->key = ptd_xstrdup(key);
        out->secret = ptd_xstrdup(secret);
        out->token = copy_or_null(look_up(&both[i], "aws_session_token"));
        return 0;
    }
    if (profile && !has_section(&both[0]) && !has_section(&both[1])) {
        ptd_err_set(err, PTD_E_CONFIG, "AWS_PROFILE: there is no profile \"%s\"", profile);
        return ptd_err_hint(err, "%s has it as [%s], %s as [profile %s]", both[0].path, profile,
                            both[1].path, profile);
    }
    ptd_err_set(err, PTD_E_NET, "there are no credentials for S3");
    return ptd_err_hint(err,
                        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into %s; "
                        "those of a role or of single sign-on: eval \"$(aws configure "
                        "export-credentials --format env)\"",
                        both[0].path);
}

static void take_place(struct ptd_aws *out, const struct section *both)
{
    const char *region = said("AWS_REGION"), *endpoint = said("AWS_ENDPOINT_URL_S3");
    const char *ignored = said("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    bool ignore = ignored && strcmp(ignored, "true") == 0;
    if (!region)
        region = said("AWS_DEFAULT_REGION");
    if (!region)
        region = from_profile(both, "region");
    if (!endpoint)
        endpoint = said("AWS_ENDPOINT_URL");
    if (!endpoint)
        endpoint = from_profile(both, "endpoint_url");
    const char *style = from_profile(both, "addressing_style");
    out->region = ptd_xstrdup(region ? region : "us-east-1");
    out->endpoint = ignore ? NULL : copy_or_null(endpoint);
    out->style_said = style && strcmp(style, "auto") != 0;
    out->path_style = out->style_said ? strcmp(style, "path") == 0 : out->endpoint != NULL;
}

int ptd_aws_load(struct ptd_aws *out, struct ptd_err *err)
{
    const char *profile = said("AWS_PROFILE");
    if (!profile)
        profile = said("AWS_DEFAULT_PROFILE");
    const char *name = profile ? profile : "default";
    char in_config[256];
    snprintf(in_config, sizeof(in_config), "%s%s", strcmp(name, "default") == 0 ? "" : "profile ",
             name);
    struct section both[2] = {0};
    *out = (struct ptd_aws){0};
    int failed =
        open_section(&both[0], "AWS_SHARED_CREDENTIALS_FILE", "credentials", name, err) < 0 ||
        open_section(&both[1], "AWS_CONFIG_FILE", "config", in_config, err) < 0 ||
        take_credentials(out, both, profile, err) < 0;
    if (!failed)
        take_place(out, both);
    close_section(&both[0]);
    close_section(&both[1]);
    return failed ? -1 : 0;
}

void ptd_aws_release(struct ptd_aws *aws)
{
    free(aws->key);
    free(aws->secret);
    free(aws->token);
    free(aws->region);
    free(aws->endpoint);
    *aws = (struct ptd_aws){0};
}
