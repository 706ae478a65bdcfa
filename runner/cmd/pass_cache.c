#include "cmd/pass_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/pass_client.h"
#include "contract/exchange.h"
#include "passes/book.h"
#include "store/details.h"
#include "syntax/blocks.h"

#define MAX_TOKEN   4096
#define MAX_TIMEOUT 1000000 /* seconds, whose thousandths are a number */

/* ---- settings ---- */

static int check_url(const char *url, struct ptd_err *err)
{
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : "";
    if (*host && *host != '/' && !url[strcspn(url, " \t\r\n")])
        return 0;
    ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no address of a pass cache", url);
    return ptd_err_hint(err, "http://HOST[:PORT] or https://HOST; \"off\" for none");
}

/* "@FILE": its first line. */
static int read_token(const char *text, const char *folder, char **out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf content = PTD_BUF_INIT;
    if (*text == '@') {
        PTD_CLEANUP_FREE char *path = ptd_path_join(folder, text + 1);
        struct ptd_err why = {0};
        if (ptd_buf_read_file(&content, path, MAX_TOKEN, &why) < 0)
            return ptd_err_set(err, PTD_E_USAGE, "the token of the pass cache: %s", why.msg);
        ptd_buf_addc(&content, '\n');
        content.data[strcspn(content.data, "\r\n")] = '\0';
        text = content.data;
    }
    if (!*text || text[strcspn(text, " \t\r\n")])
        return ptd_err_set(err, PTD_E_USAGE, "the token of the pass cache is empty or has blanks");
    *out = ptd_xstrdup(text);
    return 0;
}

static int read_rest(struct ptd_pass_cache *c, const struct ptd_workspace *w, struct ptd_err *err)
{
    const struct ptd_pass_options *o = &w->options->passes;
    const struct ptd_project *p = &w->project;
    const char *salt = o->salt ? o->salt : p->pass_salt;
    c->timeout = o->timeout ? o->timeout : p->pass_timeout;
    c->timeout = c->timeout > MAX_TIMEOUT ? MAX_TIMEOUT : c->timeout;
    if (salt && strchr(salt, '\n'))
        return ptd_err_set(err, PTD_E_USAGE, "the salt of the pass cache has to be one line");
    c->salt = ptd_xstrdup(salt ? salt : "");
    if (o->token)
        return read_token(o->token, p->cwd, &c->token, err);
    if (p->pass_token)
        return read_token(p->pass_token, p->rootdir, &c->token, err);
    ptd_warn("no token for the pass cache %s, so it is not used: set DRYCI_TOKEN", c->url);
    c->failed = true;
    return 0;
}

int ptd_pass_cache_open(struct ptd_pass_cache *c, const struct ptd_workspace *w,
                        struct ptd_err *err)
{
    const struct ptd_pass_options *o = &w->options->passes;
    const char *url = o->url ? o->url : w->project.pass_cache;
    *c = (struct ptd_pass_cache){.ask = !o->no_ask, .publish = !o->no_publish};
    if (url && strcmp(url, "off") == 0)
        return 0;
    if (!url && o->wanted) {
        ptd_err_set(err, PTD_E_USAGE, "--dryci: no pass cache is known");
        return ptd_err_hint(err, "name one with --pass-cache or DRYCI_SERVER");
    }
    if (!url)
        return 0;
    if (check_url(url, err) < 0)
        return -1;
    size_t len = strlen(url);
    while (url[len - 1] == '/')
        len--;
    c->url = ptd_xstrndup(url, len);
    return read_rest(c, w, err);
}

void ptd_pass_cache_release(struct ptd_pass_cache *c)
{
    free(c->url);
    free(c->token);
    free(c->salt);
    ptd_map_release(&c->passed);
    *c = (struct ptd_pass_cache){0};
}

/* ---- requests ---- */

/* The value of a key of os-release(5), as it is written there. */
static void add_release(struct ptd_buf *out, const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, key, n) == 0 && p[n] == '=')
            ptd_buf_addf(out, " %.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
}

/* What a key is made of besides the digest: Python's version, operating system and architecture
 * (all in the environment's name), the distribution, and the meaning of checksums. */
static void add_machine(struct ptd_buf *out, const struct ptd_workspace *w)
{
    PTD_CLEANUP_BUF struct ptd_buf release = PTD_BUF_INIT;
    if (ptd_buf_read_file(&release, "/etc/os-release", 65536, NULL) < 0 &&
        ptd_buf_read_file(&release, "/usr/lib/os-release", 65536, NULL) < 0)
        ptd_buf_adds(&release, "ID=unknown\n");
    ptd_buf_addf(out, "blocks %d, %s,", PTD_BLOCKS_VERSION, w->environment.name);
    ptd_buf_addc(&release, '\0');
    add_release(out, release.data, "ID");
    add_release(out, release.data, "VERSION_ID");
    ptd_buf_addc(out, '\n');
}

struct counts {
    size_t tests, passed, failed, skipped, left_out;
};

static void begin_request(struct ptd_buf *out, const struct ptd_pass_cache *c,
                          const struct ptd_workspace *w, const char *what,
                          const struct counts *counts)
{
    ptd_buf_addf(out, "%s\n%s\n%s\n%d000\n%s\n", what, c->url, c->token, c->timeout, c->salt);
    add_machine(out, w);
    ptd_buf_addf(out, "%zu %zu %zu %zu %zu\n", counts->tests, counts->passed, counts->failed,
                 counts->skipped, counts->left_out);
}

static void add_item(struct ptd_buf *out, const struct ptd_hash128 *digest, const char *nodeid)
{
    char text[33];
    ptd_hash128_text(digest, text);
    ptd_buf_addf(out, "%s %s\n", text, nodeid);
}

static void give_up(struct ptd_pass_cache *c, const struct ptd_err *err, const char *then)
{
    c->failed = true;
    ptd_warn("the pass cache %s cannot be used, %s: %s", c->url, then, err->msg);
}

/* ---- asking ---- */

struct questions {
    struct ptd_pass_book *book;
    struct ptd_buf request;
    const char **nodeids; /* of each question; borrowed */
    size_t count, cap;
    struct ptd_map asked; /* digest and node id */
    const char *nodeid;   /* of the record that is looked at */
};

static void add_question(struct questions *q, const struct ptd_u32s *list)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    struct ptd_hash128 digest = ptd_pass_book_digest(q->book, list);
    bool added;
    ptd_buf_add(&key, &digest, sizeof(digest));
    ptd_buf_adds(&key, q->nodeid);
    ptd_map_put(&q->asked, key.data, key.len, 0, &added);
    if (!added)
        return;
    add_item(&q->request, &digest, q->nodeid);
    q->nodeids = ptd_xgrow(q->nodeids, &q->cap, q->count + 1, sizeof(char *));
    q->nodeids[q->count++] = q->nodeid;
}

static int ask_record(const struct ptd_record *row, void *arg)
{
    struct questions *q = arg;
    struct ptd_pass_lists lists;
    int failed = ptd_pass_book_lists(q->book, row->depsets, row->depsets_len, &lists, NULL);
    if (!failed && lists.known) {
        add_question(q, &lists.fine);
        add_question(q, &lists.coarse);
    }
    ptd_pass_lists_release(&lists);
    return failed;
}

/* Whatever it failed or passed with before: a record of the test says where to look. */
static int ask_test(struct questions *q, const struct ptd_workspace *w, const struct ptd_verdict *v,
                    const struct ptd_select_node *node, struct ptd_err *err)
{
    q->nodeid = node->name;
    if (strchr(node->name, '\n'))
        return 0;
    for (size_t i = node->first; i < node->first + node->count; i++)
        if (ptd_store_record_get(w->store, v->records[i].id, ask_record, q, err) < 0)
            return -1;
    return 0;
}

static int make_questions(struct questions *q, struct ptd_workspace *w, const struct ptd_verdict *v,
                          struct ptd_err *err)
{
    PTD_CLEANUP_MAP struct ptd_map wanted = PTD_MAP_INIT;
    const struct ptd_selection *s = &v->selection;
    for (size_t i = 0; i < s->tests; i++)
        if (s->items[i].reason == PTD_REASON_CHANGED || s->items[i].reason == PTD_REASON_BASELINE)
            ptd_map_puts(&wanted, s->items[i].name, 1);
    if (!wanted.count)
        return 0;
    if (ptd_pass_book_open(&w->state, &q->book, err) < 0)
        return -1;
    for (size_t i = 0; i < v->node_count; i++)
        if (!v->nodes[i].is_file && ptd_map_get(&wanted, v->nodes[i].name, 0) &&
            ask_test(q, w, v, &v->nodes[i], err) < 0)
            return -1;
    return ptd_state_save_parsed(&w->state, err);
}

static void take_answer(struct ptd_pass_cache *c, const struct questions *q, const char *text)
{
    while (*text) {
        char *end;
        size_t number = strtoull(text, &end, 10);
        if (end == text || *end != '\n')
            return;
        if (number < q->count)
            ptd_map_puts(&c->passed, q->nodeids[number], 1);
        text = end + 1;
    }
}

bool ptd_pass_cache_ask(struct ptd_pass_cache *c, struct ptd_workspace *w,
                        const struct ptd_verdict *verdict)
{
    PTD_CLEANUP_BUF struct ptd_buf answer = PTD_BUF_INIT;
    struct questions q = {0};
    struct ptd_err err = {0};
    if (!c->url || !c->ask || c->failed)
        return false;
    begin_request(&q.request, c, w, PTD_EXCHANGE_ASK, &(struct counts){0});
    int failed = make_questions(&q, w, verdict, &err);
    if (!failed && q.count)
        failed = ptd_pass_client_run(&q.request, &answer, &err);
    if (failed)
        give_up(c, &err, "everything affected runs");
    else if (q.count)
        take_answer(c, &q, answer.data);
    ptd_pass_book_close(q.book);
    ptd_buf_release(&q.request);
    ptd_map_release(&q.asked);
    free(q.nodeids);
    return c->passed.count > 0;
}

bool ptd_pass_cache_has(const char *nodeid, void *arg)
{
    const struct ptd_pass_cache *c = arg;
    return ptd_map_get(&c->passed, nodeid, 0) != 0;
}

/* ---- telling ---- */

/* Records of one test, newest first. */
struct telling {
    const struct ptd_workspace *w;
    ptd_id run;
    struct counts counts;
    struct ptd_map passed; /* node (row) → position in `nodes`, of tests that passed in this run */
    struct ptd_map flaky;  /* nodes whose outcome does not follow from what is known of them */
    struct ptd_map names;  /* node → its node id */
    struct ptd_pass_book *book;
    struct ptd_buf items;
    size_t told;
    ptd_id node;                 /* whose records are looked at */
    struct ptd_pass_lists lists; /* of its record of this run */
};

static int note_outcome(const struct ptd_record *row, void *arg)
{
    struct telling *t = arg;
    if (row->run != t->run || row->tests || row->outcome == PTD_OUTCOME_NOT_COLLECTED)
        return 0;
    t->counts.tests++;
    t->counts.failed += ptd_outcome_is_failure(row->outcome);
    t->counts.skipped += row->outcome == PTD_OUTCOME_SKIPPED;
    if (row->outcome != PTD_OUTCOME_PASSED)
        return 0;
    t->counts.passed++;
    ptd_map_put(&t->passed, &row->node, sizeof(row->node), 0, NULL);
    return 0;
}

static int note_flaky(const struct ptd_store_flaky *row, void *arg)
{
    struct telling *t = arg;
    ptd_map_put(&t->flaky, &row->node, sizeof(row->node), 0, NULL);
    return 0;
}

static int note_name(const struct ptd_store_node *row, void *arg)
{
    struct telling *t = arg;
    if (row->is_file || strchr(row->name, '\n') ||
        ptd_map_find(&t->passed, &row->id, sizeof(row->id)) == PTD_MAP_NONE ||
        ptd_map_find(&t->flaky, &row->id, sizeof(row->id)) != PTD_MAP_NONE)
        return 0;
    size_t at = ptd_map_puts(&t->names, row->name, 0);
    size_t known = ptd_map_find(&t->passed, &row->id, sizeof(row->id));
    t->passed.entries[known].value = at + 1;
    return 0;
}

static void tell(struct telling *t, const struct ptd_u32s *list)
{
    size_t at = ptd_map_find(&t->passed, &t->node, sizeof(t->node));
    struct ptd_hash128 digest = ptd_pass_book_digest(t->book, list);
    add_item(&t->items, &digest, t->names.entries[t->passed.entries[at].value - 1].key);
    t->told++;
}

/* What passed with less than an older record lists has passed with that list as well: who has that
 * record only can ask for it. */
static void tell_older(struct telling *t, const struct ptd_pass_lists *older)
{
    if (ptd_pass_book_covers(t->book, &older->fine, &t->lists.fine))
        tell(t, &older->fine);
    if (ptd_pass_book_covers(t->book, &older->coarse, &t->lists.coarse))
        tell(t, &older->coarse);
}

/* Newest first, so that of this run comes first. */
static int tell_record(const struct ptd_record *row, void *arg)
{
    struct telling *t = arg;
    struct ptd_pass_lists lists;
    size_t at = ptd_map_find(&t->passed, &row->node, sizeof(row->node));
    if (at == PTD_MAP_NONE || !t->passed.entries[at].value)
        return 0;
    bool ours = row->run == t->run;
    if (!ours && t->node != row->node)
        return 0;
    if (ptd_pass_book_lists(t->book, row->depsets, row->depsets_len, &lists, NULL) < 0)
        return -1;
    if (ours) {
        ptd_pass_lists_release(&t->lists);
        t->lists = lists;
        /* What changed while it ran is not what it passed with. */
        t->node = lists.known && lists.current ? row->node : 0;
        if (!t->node)
            return 0;
        tell(t, &lists.fine);
        tell(t, &lists.coarse);
        return 0;
    }
    if (lists.known)
        tell_older(t, &lists);
    ptd_pass_lists_release(&lists);
    return 0;
}

static int make_news(struct telling *t, struct ptd_workspace *w, struct ptd_err *err)
{
    ptd_id environment;
    if (ptd_store_environment(w->store, w->environment.name, &environment, err) < 0 ||
        ptd_store_each_record(w->store, environment, note_outcome, t, err) < 0 ||
        ptd_store_each_flaky(w->store, note_flaky, t, err) < 0 ||
        ptd_store_each_node(w->store, note_name, t, err) < 0)
        return -1;
    if (!t->names.count)
        return 0;
    if (ptd_pass_book_open(&w->state, &t->book, err) < 0 ||
        ptd_store_each_record(w->store, environment, tell_record, t, err) < 0)
        return -1;
    return ptd_state_save_parsed(&w->state, err);
}

void ptd_pass_cache_publish(struct ptd_pass_cache *c, struct ptd_workspace *w,
                            const struct ptd_ingest_result *result, size_t left_out)
{
    PTD_CLEANUP_BUF struct ptd_buf request = PTD_BUF_INIT, answer = PTD_BUF_INIT;
    struct telling t = {.w = w, .run = result->run, .counts.left_out = left_out};
    struct ptd_err err = {0};
    if (!c->url || !c->publish || c->failed || !result->run)
        return;
    int failed = make_news(&t, w, &err);
    if (!failed && t.told) {
        t.counts.tests += left_out;
        begin_request(&request, c, w, PTD_EXCHANGE_PUBLISH, &t.counts);
        ptd_buf_add(&request, t.items.data, t.items.len);
        failed = ptd_pass_client_run(&request, &answer, &err);
    }
    if (failed)
        give_up(c, &err, "what passed is not in it");
    else if (w->options->verbosity > 0)
        fprintf(stderr, "pyt-diff: the pass cache knows %zu more passed test%s\n", t.names.count,
                t.names.count == 1 ? "" : "s");
    ptd_pass_book_close(t.book);
    ptd_pass_lists_release(&t.lists);
    ptd_buf_release(&t.items);
    ptd_map_release(&t.passed);
    ptd_map_release(&t.flaky);
    ptd_map_release(&t.names);
}
