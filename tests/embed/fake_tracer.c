/*
 * A stand-in for the tracer with nothing but its way in: `main` runs pytest, or the code of
 * $PTD_FAKE_EVAL, and `mode` says how the module was entered.
 */
#define Py_LIMITED_API 0x03080000
#include <Python.h>

#define EXPORT __attribute__((visibility("default")))

static const char *entered = "import";

static const char source[] =
    "'''PYTEST_DONT_REWRITE'''\n"
    "import os, sys\n"
    "def main():\n"
    "    sys.argv[0] = 'pytest'\n"
    "    if sys.path[:1] == ['']:\n"
    "        del sys.path[0]\n"
    "    code = os.environ.pop('PTD_FAKE_EVAL', None)\n"
    "    if code is not None:\n"
    "        exec(code, {'__name__': 'fake', '_pytdiff': sys.modules['_pytdiff']})\n"
    "        return 0\n"
    "    import pytest\n"
    "    return int(pytest.main(['-p', '_pytdiff'] + sys.argv[1:]))\n"
    "class Workers:\n"
    "    def pytest_xdist_setupnodes(self, config, specs):\n"
    "        for spec in specs:\n"
    "            spec.python = os.environ['PYT_DIFF_AS_PYTHON']\n"
    "def pytest_configure(config):\n"
    "    if not hasattr(config, 'workerinput') and config.pluginmanager.hasplugin('xdist'):\n"
    "        config.pluginmanager.register(Workers())\n";

static int run_source(PyObject *module)
{
    PyObject *names = PyModule_GetDict(module);
    PyObject *code = Py_CompileString(source, "<fake tracer>", Py_file_input);
    if (!code || PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) < 0)
        return -1;
    PyObject *result = PyEval_EvalCode(code, names, names);
    Py_DecRef(code);
    Py_DecRef(result);
    return result ? 0 : -1;
}

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_pytdiff", NULL, -1, NULL, NULL, NULL, NULL, NULL};

EXPORT PyObject *PyInit__pytdiff(void);
EXPORT PyObject *PyInit__pytdiff(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module || PyModule_AddStringConstant(module, "mode", entered) < 0 ||
        run_source(module) < 0) {
        Py_DecRef(module);
        return NULL;
    }
    return module;
}

EXPORT int ptd_tracer_preinit(const char *mode);
int ptd_tracer_preinit(const char *mode)
{
    entered = mode;
    return PyImport_AppendInittab("_pytdiff", PyInit__pytdiff);
}
