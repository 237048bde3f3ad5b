"""Which backups of a folder stay: so many days', weeks' and months'."""
import datetime
import os
import re
import shutil


def stamp(moment):
    return moment.strftime("%Y%m%dT%H%M%SZ")


def backups(folder, name):
    """Those of a name, the newest first, as (moment, path); what else lies there is not ours."""
    ours = re.compile(re.escape(name) + r"-(\d{8}T\d{6}Z)\.(dump|dir|sql\.gz)$")
    found = []
    for entry in os.scandir(folder):
        match = ours.match(entry.name)
        if match:
            moment = datetime.datetime.strptime(match[1], "%Y%m%dT%H%M%SZ")
            found.append((moment.replace(tzinfo=datetime.timezone.utc), entry.path))
    return sorted(found, reverse=True)


PERIODS = {"last": lambda moment: moment,
           "daily": lambda moment: moment.date(),
           "weekly": lambda moment: moment.isocalendar()[:2],
           "monthly": lambda moment: (moment.year, moment.month)}


def kept(found, keep):
    """The newest of each of the last N days, weeks and months that have one."""
    stay = set()
    for period, count in keep.items():
        seen = []
        for moment, path in found:
            key = PERIODS[period](moment)
            if key not in seen and len(seen) < count:
                seen.append(key)
                stay.add(path)
    return stay


def drop_others(folder, name, keep, newest):
    """Remove those that need not stay, never the newest; their paths' names."""
    found = backups(folder, name)
    stay = kept(found, keep) | {newest}
    gone = [path for _, path in found if path not in stay]
    for path in gone:
        remove(path)
        remove(path + ".sha256")
    return [os.path.basename(path) for path in gone]


def remove(path):
    if os.path.isdir(path):
        # Under another name first: half of one must not look whole.
        aside = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".part")
        os.rename(path, aside)
        shutil.rmtree(aside)
    elif os.path.exists(path):
        os.unlink(path)
