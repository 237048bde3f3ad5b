#ifndef HANDLERS_XLSX_CHECK_H
#define HANDLERS_XLSX_CHECK_H

#include <stdbool.h>

/*
 * Whether each XML part in the workbook goes to its closing tag. libxlsxwriter
 * does not notice when its scratch files cannot grow (a full disk), and packs
 * what there is of them without an error.
 */
bool xlsx_is_whole(const char *path);

#endif
