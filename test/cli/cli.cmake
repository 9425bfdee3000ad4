# The command, run as users run it, the texts of its errors, and the page that
# lists their codes.
tc_test(cli tc_compiler nlohmann_json::nlohmann_json fmt::fmt)
add_dependencies(cli_test tensorc tc-worker)
add_test(NAME error_codes COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tools/list_errors.py --check)
