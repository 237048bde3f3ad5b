# The nginx configuration, filled in for the system's paths at install time.
nginxdir = $(sysconfdir)/millrace/nginx
EXTRA_DIST += nginx/render nginx/millrace-http.conf.in \
	nginx/millrace-server.conf.in nginx/millrace-fastcgi.conf.in

install-data-local: install-nginx
install-nginx:
	NGINX_DIR='$(nginxdir)' $(srcdir)/nginx/render $(srcdir)/nginx \
		'$(DESTDIR)$(nginxdir)' /run/millrace /var/lib/millrace

uninstall-local: uninstall-nginx
uninstall-nginx:
	cd '$(DESTDIR)$(nginxdir)' 2>/dev/null && \
		rm -f millrace-http.conf millrace-server.conf millrace-fastcgi.conf || :
.PHONY: install-nginx uninstall-nginx
