# Spreadsheets, documents, PDFs and presentations.
dist_handler_SCRIPTS += src/handlers/make-document
dist_handler_DATA += \
	src/handlers/doc_blocks.py \
	src/handlers/doc_code.py \
	src/handlers/doc_docx.py \
	src/handlers/doc_pptx.py \
	src/handlers/doc_table.py \
	src/handlers/doc_xlsx.py \
	src/handlers/ooxml_chart.py \
	src/handlers/pdf_chart.py \
	src/handlers/pdf_fonts.py \
	src/handlers/pdf_pages.py \
	src/handlers/pdf_table.py \
	src/handlers/pptx_package.py \
	src/handlers/pptx_parts.py
dist_types_DATA += \
	types.d/document.json \
	types.d/pdf.json \
	types.d/presentation.json \
	types.d/spreadsheet.json
dist_man_MANS += doc/millrace-documents.7
