dist_man_MANS += \
	doc/millrace.1 \
	doc/millrace-attempts.1 \
	doc/millrace-batch.1 \
	doc/millrace-cancel.1 \
	doc/millrace-change.1 \
	doc/millrace-completion.1 \
	doc/millrace-connection.1 \
	doc/millrace-discard.1 \
	doc/millrace-doctor.1 \
	doc/millrace-enqueue.1 \
	doc/millrace-explain.1 \
	doc/millrace-failures.1 \
	doc/millrace-list.1 \
	doc/millrace-logs.1 \
	doc/millrace-owner.1 \
	doc/millrace-queue.1 \
	doc/millrace-retry.1 \
	doc/millrace-schedule.1 \
	doc/millrace-show.1 \
	doc/millrace-stats.1 \
	doc/millrace-top.1 \
	doc/millrace-type.1 \
	doc/millrace-watch.1 \
	doc/millrace-worker.1 \
	doc/millrace.conf.5 \
	doc/millrace-api.8 \
	doc/millrace-stream.8 \
	doc/millrace-worker.8

dist_doc_DATA = README.md HACKING.md doc/openapi.yaml
examplesdir = $(docdir)/examples
dist_examples_DATA = doc/examples/count-words.json doc/examples/greet.json \
	doc/examples/order-total.json doc/examples/queue-hours.sql \
	doc/examples/sum-prices.json
dist_examples_SCRIPTS = doc/examples/count-words doc/examples/greet.php \
	doc/examples/sum-prices.py
dist_examples_DATA += doc/examples/order-total.php \
	doc/examples/ship-order.json doc/examples/ship-order.php

# A client for PHP: require '/usr/share/millrace/Millrace.php'.
dist_pkgdata_DATA = php/Millrace.php

dist_man_MANS += doc/millrace-fastcgi.7 doc/millrace-http.7
