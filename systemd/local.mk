# Units, sysusers and tmpfiles.
units = systemd/millrace-api.service systemd/millrace-api@.service \
	systemd/millrace-stream.service systemd/millrace-worker.service
systemdsystemunit_DATA = $(units)
dist_systemdsystemunit_DATA = systemd/millrace-api.socket systemd/millrace.target
EXTRA_DIST += $(units:=.in) systemd/millrace.sysusers systemd/millrace.tmpfiles
CLEANFILES += $(units)

$(units): %: %.in Makefile
	@$(MKDIR_P) systemd
	$(AM_V_GEN)$(SED) -e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' '$(srcdir)/$@.in' > '$@'

install-data-local: install-systemd
install-systemd:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/sysusers.d' '$(DESTDIR)$(prefix)/lib/tmpfiles.d'
	$(INSTALL_DATA) $(srcdir)/systemd/millrace.sysusers '$(DESTDIR)$(prefix)/lib/sysusers.d/millrace.conf'
	$(INSTALL_DATA) $(srcdir)/systemd/millrace.tmpfiles '$(DESTDIR)$(prefix)/lib/tmpfiles.d/millrace.conf'

uninstall-local: uninstall-systemd
uninstall-systemd:
	rm -f '$(DESTDIR)$(prefix)/lib/sysusers.d/millrace.conf' '$(DESTDIR)$(prefix)/lib/tmpfiles.d/millrace.conf'
.PHONY: install-systemd uninstall-systemd
