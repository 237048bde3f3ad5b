/* What is no XLSX workbook, and what to do about it. */
#ifndef HANDLERS_BOOK_FOREIGN_H
#define HANDLERS_BOOK_FOREIGN_H

#include "package.h"

/* False with a fault: old_workbook, encrypted_file, unknown_format, no_input.
 */
bool book_foreign_file(const char *path, struct fault *err);

/* The same of a ZIP file; workbook is what its relations name, or NULL. */
bool book_foreign_package(struct package *package, const char *workbook,
                          struct fault *err);

#endif
