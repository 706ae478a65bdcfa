#include "syntax/grammar.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

const TSLanguage *tree_sitter_python(void);

/* More than the grammar has (275); anything beyond is a plain node. */
#define SYMBOL_MAX 1024

static const struct {
    const char *name;
    bool named;
    enum ptd_role role;
} roles[] = {
    {"comment", true, PTD_ROLE_SKIP},
    {"line_continuation", true, PTD_ROLE_SKIP},
    {";", false, PTD_ROLE_SKIP},
    {"function_definition", true, PTD_ROLE_FUNCTION},
    {"class_definition", true, PTD_ROLE_CLASS},
    {"lambda", true, PTD_ROLE_LAMBDA},
    {"decorated_definition", true, PTD_ROLE_DECORATED},
    {"block", true, PTD_ROLE_SUITE},
    {"list_comprehension", true, PTD_ROLE_LISTCOMP},
    {"set_comprehension", true, PTD_ROLE_SETCOMP},
    {"dictionary_comprehension", true, PTD_ROLE_DICTCOMP},
    {"generator_expression", true, PTD_ROLE_GENEXP},
    {"string", true, PTD_ROLE_STRING},
    {"string_start", true, PTD_ROLE_STRING_START},
    {"string_content", true, PTD_ROLE_STRING_CONTENT},
    {"string_end", true, PTD_ROLE_STRING_END},
    {"format_specifier", true, PTD_ROLE_FORMAT_SPEC},
    {"interpolation", true, PTD_ROLE_INTERPOLATION},
    {"format_expression", true, PTD_ROLE_INTERPOLATION},
    {"integer", true, PTD_ROLE_NUMBER},
    {"float", true, PTD_ROLE_NUMBER},
    {":", false, PTD_ROLE_COLON},
    {"=", false, PTD_ROLE_EQUALS},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char role_of[SYMBOL_MAX];
static uint32_t stamp_of[SYMBOL_MAX];

static enum ptd_role find_role(const char *name, bool named)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (roles[i].named == named && strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    }
    return named ? PTD_ROLE_PLAIN : PTD_ROLE_TOKEN;
}

static void fill_tables(void)
{
    const TSLanguage *language = tree_sitter_python();
    uint32_t count = ts_language_symbol_count(language);
    if (count > SYMBOL_MAX)
        PTD_BUG("the grammar has too many symbols");
    for (uint32_t i = 0; i < count; i++) {
        const char *name = ts_language_symbol_name(language, (TSSymbol)i);
        bool named = ts_language_symbol_type(language, (TSSymbol)i) == TSSymbolTypeRegular;
        role_of[i] = (unsigned char)find_role(name ? name : "", named);
        stamp_of[i] = name ? (uint32_t)ptd_hash64(name, strlen(name)) : 0;
    }
}

const TSLanguage *ptd_grammar_language(void)
{
    pthread_once(&once, fill_tables);
    return tree_sitter_python();
}

enum ptd_role ptd_grammar_role(TSSymbol symbol)
{
    return symbol < SYMBOL_MAX ? (enum ptd_role)role_of[symbol] : PTD_ROLE_PLAIN;
}

uint32_t ptd_grammar_stamp(TSSymbol symbol)
{
    return symbol < SYMBOL_MAX ? stamp_of[symbol] : symbol;
}
