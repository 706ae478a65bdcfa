#include "record/known_types.h"

#include <stdio.h>
#include <string.h>

/* What X[...] takes. */
enum takes {
    TAKES_NOTHING,
    TAKES_ONE,
    TAKES_TWO,
    TAKES_THREE,
    TAKES_ANY,       /* one or more types */
    TAKES_TUPLE,     /* the same, or `A, ...` */
    TAKES_CALL,      /* `[A], B` or `..., B` */
    TAKES_CONSTANTS, /* Literal */
};

struct form {
    const char *name;
    bool bare; /* a type by itself */
    enum takes takes;
};

static const struct form of_typing[] = {
    {"Any", true, TAKES_NOTHING},        {"AnyStr", true, TAKES_NOTHING},
    {"Text", true, TAKES_NOTHING},       {"Hashable", true, TAKES_NOTHING},
    {"Sized", true, TAKES_NOTHING},      {"BinaryIO", true, TAKES_NOTHING},
    {"TextIO", true, TAKES_NOTHING},     {"NoReturn", false, TAKES_NOTHING},
    {"Optional", false, TAKES_ONE},      {"Union", false, TAKES_ANY},
    {"Literal", false, TAKES_CONSTANTS}, {"Callable", true, TAKES_CALL},
    {"Tuple", true, TAKES_TUPLE},        {"Type", true, TAKES_ONE},
    {"List", true, TAKES_ONE},           {"Set", true, TAKES_ONE},
    {"FrozenSet", true, TAKES_ONE},      {"Deque", true, TAKES_ONE},
    {"Counter", true, TAKES_ONE},        {"Dict", true, TAKES_TWO},
    {"DefaultDict", true, TAKES_TWO},    {"OrderedDict", true, TAKES_TWO},
    {"ChainMap", true, TAKES_TWO},       {"Mapping", true, TAKES_TWO},
    {"MutableMapping", true, TAKES_TWO}, {"Iterable", true, TAKES_ONE},
    {"Iterator", true, TAKES_ONE},       {"Reversible", true, TAKES_ONE},
    {"Container", true, TAKES_ONE},      {"Collection", true, TAKES_ONE},
    {"Sequence", true, TAKES_ONE},       {"MutableSequence", true, TAKES_ONE},
    {"AbstractSet", true, TAKES_ONE},    {"MutableSet", true, TAKES_ONE},
    {"KeysView", true, TAKES_ONE},       {"ValuesView", true, TAKES_ONE},
    {"ItemsView", true, TAKES_TWO},      {"Awaitable", true, TAKES_ONE},
    {"AsyncIterable", true, TAKES_ONE},  {"AsyncIterator", true, TAKES_ONE},
    {"Coroutine", true, TAKES_THREE},    {"Generator", true, TAKES_THREE},
    {"AsyncGenerator", true, TAKES_TWO}, {"IO", true, TAKES_ONE},
};

/* Subscripts of these are newer than Python 3.8. */
static const struct form of_abc[] = {
    {"Callable", true, TAKES_NOTHING},
    {"Iterable", true, TAKES_NOTHING},
    {"Iterator", true, TAKES_NOTHING},
    {"Reversible", true, TAKES_NOTHING},
    {"Container", true, TAKES_NOTHING},
    {"Collection", true, TAKES_NOTHING},
    {"Sequence", true, TAKES_NOTHING},
    {"MutableSequence", true, TAKES_NOTHING},
    {"Set", true, TAKES_NOTHING},
    {"MutableSet", true, TAKES_NOTHING},
    {"Mapping", true, TAKES_NOTHING},
    {"MutableMapping", true, TAKES_NOTHING},
    {"KeysView", true, TAKES_NOTHING},
    {"ValuesView", true, TAKES_NOTHING},
    {"ItemsView", true, TAKES_NOTHING},
    {"Hashable", true, TAKES_NOTHING},
    {"Sized", true, TAKES_NOTHING},
    {"Awaitable", true, TAKES_NOTHING},
    {"Coroutine", true, TAKES_NOTHING},
    {"AsyncIterable", true, TAKES_NOTHING},
    {"AsyncIterator", true, TAKES_NOTHING},
    {"Generator", true, TAKES_NOTHING},
    {"AsyncGenerator", true, TAKES_NOTHING},
};

/* Classes that annotations often have; "module.name", a blank on each side. */
static const char classes[] =
    " pathlib.Path pathlib.PurePath datetime.date datetime.datetime datetime.time "
    "datetime.timedelta datetime.timezone datetime.tzinfo decimal.Decimal fractions.Fraction "
    "uuid.UUID collections.OrderedDict collections.defaultdict collections.deque "
    "collections.Counter collections.ChainMap io.StringIO io.BytesIO io.TextIOWrapper "
    "logging.Logger logging.LogRecord logging.Handler logging.Formatter types.ModuleType "
    "types.FunctionType types.MethodType types.TracebackType types.CodeType types.FrameType "
    "types.SimpleNamespace types.MappingProxyType types.GeneratorType argparse.ArgumentParser "
    "argparse.Namespace enum.Enum enum.IntEnum enum.Flag threading.Thread threading.Event "
    "subprocess.Popen subprocess.CompletedProcess configparser.ConfigParser "
    "email.message.Message email.message.EmailMessage ";

static const char builtins[] =
    " int str float bool bytes bytearray complex object list dict tuple set frozenset type range "
    "slice memoryview BaseException Exception ArithmeticError AssertionError AttributeError "
    "BufferError EOFError FileExistsError FileNotFoundError ImportError IndexError "
    "IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError "
    "NameError NotADirectoryError NotImplementedError OSError OverflowError PermissionError "
    "RecursionError RuntimeError StopIteration StopAsyncIteration SyntaxError SystemExit "
    "TimeoutError TypeError UnicodeError UnicodeDecodeError UnicodeEncodeError ValueError Warning "
    "ZeroDivisionError ConnectionError BrokenPipeError UserWarning DeprecationWarning ";

static bool is_listed(const char *words, const char *word)
{
    char key[128];
    int len = snprintf(key, sizeof(key), " %s ", word);
    return len > 2 && (size_t)len < sizeof(key) && strchr(word, ' ') == NULL && strstr(words, key);
}

static const struct form *find_in(const struct form *forms, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return NULL;
}

static const struct form *find(const char *module, const char *name)
{
    if (strcmp(module, "typing") == 0 || strcmp(module, "typing_extensions") == 0)
        return find_in(of_typing, sizeof(of_typing) / sizeof(*of_typing), name);
    if (strcmp(module, "collections.abc") == 0)
        return find_in(of_abc, sizeof(of_abc) / sizeof(*of_abc), name);
    return NULL;
}

static bool is_class(const char *module, const char *name)
{
    char key[128];
    int len = snprintf(key, sizeof(key), "%s.%s", module, name);
    return (size_t)len < sizeof(key) && is_listed(classes, key);
}

bool ptd_known_builtin(const char *name)
{
    return is_listed(builtins, name);
}

bool ptd_known_builtin_generic(const char *name)
{
    return is_listed(" list dict tuple set frozenset type ", name);
}

bool ptd_known_new_generic(const char *module, const char *name, enum ptd_hint_shape shape)
{
    if (strcmp(module, "collections.abc") != 0 || strcmp(name, "Hashable") == 0 ||
        strcmp(name, "Sized") == 0 || !find(module, name))
        return false;
    return strcmp(name, "Callable") != 0 || shape == PTD_HINT_LIST || shape == PTD_HINT_DOTS_FIRST;
}

bool ptd_known_name(const char *module, const char *name)
{
    return find(module, name) || is_class(module, name);
}

bool ptd_known_form(const char *module, const char *name)
{
    return find(module, name);
}

bool ptd_known_type(const char *module, const char *name)
{
    const struct form *form = find(module, name);
    return form ? form->bare : is_class(module, name);
}

bool ptd_known_generic(const char *module, const char *name, enum ptd_hint_shape shape,
                       uint32_t count)
{
    const struct form *form = find(module, name);
    bool types = shape == PTD_HINT_TYPES;
    switch (form ? form->takes : TAKES_NOTHING) {
    case TAKES_NOTHING:
        return false;
    case TAKES_ONE:
        return types && count == 1;
    case TAKES_TWO:
        return types && count == 2;
    case TAKES_THREE:
        return types && count == 3;
    case TAKES_ANY:
        return types && count > 0;
    case TAKES_TUPLE:
        return (types && count > 0) || shape == PTD_HINT_DOTS_LAST;
    case TAKES_CALL:
        return shape == PTD_HINT_LIST || shape == PTD_HINT_DOTS_FIRST;
    case TAKES_CONSTANTS:
        return (types || shape == PTD_HINT_CONSTANTS) && count > 0;
    }
    return false;
}
