"""The parts of a presentation that are the same in each: master, layout, theme."""
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
NS = f'xmlns:a="{A}" xmlns:p="{P}" xmlns:r="{R}"'
WIDTH, HEIGHT, EDGE = 12192000, 6858000, 600000
TITLE_HEIGHT, BODY_TOP = 900000, 1300000
BODY_HEIGHT = HEIGHT - BODY_TOP - EDGE
FONT = "DejaVu Sans"
GROUP = ('<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="0" y="0"/>'
         '<a:ext cx="0" cy="0"/><a:chOff x="0" y="0"/><a:chExt cx="0" cy="0"/></a:xfrm></p:grpSpPr>')


def place(x, y, width, height, prefix="a"):
    return f'<{prefix}:xfrm><a:off x="{int(x)}" y="{int(y)}"/><a:ext cx="{int(width)}" cy="{int(height)}"/></{prefix}:xfrm>'


def holder(number, name, kind, box):
    """A placeholder of the master or the layout."""
    return (f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{name}"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>'
            f'<p:nvPr><p:ph {kind}/></p:nvPr></p:nvSpPr><p:spPr>{place(*box)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
            f'</p:spPr><p:txBody><a:bodyPr anchor="ctr"><a:normAutofit/></a:bodyPr><a:lstStyle/><a:p><a:r><a:rPr lang="en-US"/>'
            f'<a:t>{name}</a:t></a:r></a:p></p:txBody></p:sp>')


def number_holder(number):
    box = (WIDTH - EDGE - 1200000, HEIGHT - 450000, 1200000, 300000)
    return (f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="Number"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr><p:nvPr>'
            f'<p:ph type="sldNum" sz="quarter" idx="12"/></p:nvPr></p:nvSpPr><p:spPr>{place(*box)}<a:prstGeom prst="rect">'
            '<a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:pPr algn="r"/>'
            '<a:fld id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}" type="slidenum"><a:rPr lang="en-US" sz="1000"/>'
            '<a:t>‹#›</a:t></a:fld></a:p></p:txBody></p:sp>')


TITLE_BOX = (EDGE, 300000, WIDTH - 2 * EDGE, TITLE_HEIGHT)
HOLDERS = holder(2, "Title", 'type="title"', TITLE_BOX) + number_holder(3)
BACK = '<p:bg><p:bgRef idx="1001"><a:schemeClr val="bg1"/></p:bgRef></p:bg>'
TREE = f'<p:spTree>{GROUP}{HOLDERS}</p:spTree>'
MAP = ('<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" '
       'accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"/>')
LEVELS = "".join(f'<a:lvl{n}pPr><a:defRPr sz="1800"><a:solidFill><a:schemeClr val="tx1"/></a:solidFill><a:latin typeface="+mn-lt"/>'
                 f'</a:defRPr></a:lvl{n}pPr>' for n in range(1, 6))
MASTER = (f'{XML}<p:sldMaster {NS}><p:cSld>{BACK}{TREE}</p:cSld>{MAP}<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/>'
          '</p:sldLayoutIdLst><p:txStyles><p:titleStyle><a:lvl1pPr><a:defRPr sz="2800" b="1"><a:solidFill><a:schemeClr val="tx2"/>'
          f'</a:solidFill><a:latin typeface="+mj-lt"/></a:defRPr></a:lvl1pPr></p:titleStyle><p:bodyStyle>{LEVELS}</p:bodyStyle>'
          f'<p:otherStyle>{LEVELS}</p:otherStyle></p:txStyles></p:sldMaster>')
LAYOUT = (f'{XML}<p:sldLayout {NS} type="titleOnly" preserve="1"><p:cSld name="Title">{TREE}</p:cSld>'
          '<p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sldLayout>')


def scheme():
    colours = {"dk2": "1F4E79", "lt2": "E7EBEF", "accent1": "1F77B4", "accent2": "FF7F0E", "accent3": "2CA02C",
               "accent4": "9467BD", "accent5": "D62728", "accent6": "8C564B", "hlink": "0563C1", "folHlink": "954F72"}
    return ('<a:clrScheme name="Millrace"><a:dk1><a:srgbClr val="000000"/></a:dk1><a:lt1><a:srgbClr val="FFFFFF"/></a:lt1>'
            + "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in colours.items()) + "</a:clrScheme>")


def fonts():
    inner = f'<a:latin typeface="{FONT}"/><a:ea typeface=""/><a:cs typeface=""/>'
    return f'<a:fontScheme name="Millrace"><a:majorFont>{inner}</a:majorFont><a:minorFont>{inner}</a:minorFont></a:fontScheme>'


def formats():
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    effect = "<a:effectStyle><a:effectLst/></a:effectStyle>"
    return (f'<a:fmtScheme name="Millrace"><a:fillStyleLst>{fill * 3}</a:fillStyleLst><a:lnStyleLst>'
            + f'<a:ln w="9525">{fill}</a:ln>' * 3 + f'</a:lnStyleLst><a:effectStyleLst>{effect * 3}</a:effectStyleLst>'
            f'<a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst></a:fmtScheme>')


THEME = f'{XML}<a:theme xmlns:a="{A}" name="Millrace"><a:themeElements>{scheme()}{fonts()}{formats()}</a:themeElements></a:theme>'
