#include "syntax/node_kind.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "syntax/grammar.h"

#define SYMBOL_MAX 1024

static const struct {
    const char *name;
    enum ptd_node_kind kind;
} kinds[] = {
    {"comment", PTD_NODE_COMMENT},
    {"line_continuation", PTD_NODE_COMMENT},
    {"identifier", PTD_NODE_IDENTIFIER},
    {"attribute", PTD_NODE_ATTRIBUTE},
    {"subscript", PTD_NODE_SUBSCRIPT},
    {"call", PTD_NODE_CALL},
    {"await", PTD_NODE_CALL},
    {"yield", PTD_NODE_CALL},
    {"keyword_argument", PTD_NODE_KEYWORD},
    {"string", PTD_NODE_STRING},
    {"integer", PTD_NODE_CONSTANT},
    {"float", PTD_NODE_CONSTANT},
    {"true", PTD_NODE_CONSTANT},
    {"false", PTD_NODE_CONSTANT},
    {"none", PTD_NODE_CONSTANT},
    {"ellipsis", PTD_NODE_CONSTANT},
    {"unary_operator", PTD_NODE_SIGN},
    {"list", PTD_NODE_CONTAINER},
    {"dictionary", PTD_NODE_CONTAINER},
    {"set", PTD_NODE_CONTAINER},
    {"tuple", PTD_NODE_HARMLESS},
    {"pair", PTD_NODE_HARMLESS},
    {"expression_list", PTD_NODE_HARMLESS},
    {"parenthesized_expression", PTD_NODE_HARMLESS},
    {"concatenated_string", PTD_NODE_HARMLESS},
    {"type", PTD_NODE_HARMLESS},
    {"parameters", PTD_NODE_HARMLESS},
    {"lambda_parameters", PTD_NODE_HARMLESS},
    {"keyword_separator", PTD_NODE_HARMLESS},
    {"positional_separator", PTD_NODE_HARMLESS},
    {"function_definition", PTD_NODE_FUNCTION},
    {"class_definition", PTD_NODE_CLASS},
    {"lambda", PTD_NODE_LAMBDA},
    {"decorated_definition", PTD_NODE_DECORATED},
    {"decorator", PTD_NODE_DECORATOR},
    {"block", PTD_NODE_SUITE},
    {"expression_statement", PTD_NODE_EXPRESSION_STATEMENT},
    {"assignment", PTD_NODE_ASSIGNMENT},
    {"augmented_assignment", PTD_NODE_AUGMENTED},
    {"type_alias_statement", PTD_NODE_TYPE_ALIAS},
    {"pattern_list", PTD_NODE_TARGETS},
    {"tuple_pattern", PTD_NODE_TARGETS},
    {"list_pattern", PTD_NODE_TARGETS},
    {"list_splat_pattern", PTD_NODE_TARGETS},
    {"dictionary_splat_pattern", PTD_NODE_TARGETS},
    {"import_statement", PTD_NODE_IMPORT},
    {"import_from_statement", PTD_NODE_IMPORT_FROM},
    {"future_import_statement", PTD_NODE_FUTURE_IMPORT},
    {"pass_statement", PTD_NODE_PASS},
    {"raise_statement", PTD_NODE_RAISE},
    {"return_statement", PTD_NODE_RETURN},
    {"if_statement", PTD_NODE_IF},
    {"try_statement", PTD_NODE_TRY},
    {"elif_clause", PTD_NODE_CLAUSE},
    {"else_clause", PTD_NODE_CLAUSE},
    {"except_clause", PTD_NODE_CLAUSE},
    {"except_group_clause", PTD_NODE_CLAUSE},
    {"finally_clause", PTD_NODE_CLAUSE},
    {"for_statement", PTD_NODE_FOR},
    {"as_pattern_target", PTD_NODE_AS_TARGET},
    {"named_expression", PTD_NODE_NAMED_EXPRESSION},
    {"global_statement", PTD_NODE_GLOBAL},
    {"nonlocal_statement", PTD_NODE_GLOBAL},
    {"delete_statement", PTD_NODE_DELETE},
    {"default_parameter", PTD_NODE_DEFAULT},
    {"typed_default_parameter", PTD_NODE_DEFAULT},
    {"typed_parameter", PTD_NODE_TYPED},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char kind_of[SYMBOL_MAX];

static enum ptd_node_kind find_kind(const char *name, bool named)
{
    if (!named)
        return strcmp(name, ";") == 0 ? PTD_NODE_COMMENT : PTD_NODE_TOKEN;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    }
    return PTD_NODE_OTHER;
}

static void fill_table(void)
{
    const TSLanguage *language = ptd_grammar_language();
    uint32_t count = ts_language_symbol_count(language);
    for (uint32_t i = 0; i < count && i < SYMBOL_MAX; i++) {
        const char *name = ts_language_symbol_name(language, (TSSymbol)i);
        bool named = ts_language_symbol_type(language, (TSSymbol)i) == TSSymbolTypeRegular;
        kind_of[i] = (unsigned char)find_kind(name ? name : "", named);
    }
}

enum ptd_node_kind ptd_node_kind(TSNode node)
{
    pthread_once(&once, fill_table);
    TSSymbol symbol = ts_node_symbol(node);
    return symbol < SYMBOL_MAX ? (enum ptd_node_kind)kind_of[symbol] : PTD_NODE_OTHER;
}
