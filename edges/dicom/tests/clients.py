"""DICOMweb by the client library of the field (PyPI `dicomweb-client`), against a running site.

    python3 tests/clients.py http://127.0.0.1:8099 technician PASSWORD FILE...

Hands the files in, finds them, reads metadata, instances and a frame, and compares. Ends with the name of what is missing
when a library is not there.
"""

import sys

try:
    import pydicom
    import requests
    from dicomweb_client.api import DICOMwebClient
except ImportError as missing:
    sys.exit(f"clients.py: the Python package `{missing.name}` is missing: pip install 'dicomweb-client>=0.60' pydicom")


def main(base, account, password, *paths):
    session = requests.Session()
    session.headers["Sec-Fetch-Site"] = "same-origin"
    answer = session.post(f"{base}/sign-in", data={"account": account, "password": password}, allow_redirects=False)
    assert answer.status_code == 303, answer.status_code
    client = DICOMwebClient(url=f"{base}/dicom-web", session=session)
    sent = [pydicom.dcmread(path) for path in paths]
    study = sent[0].StudyInstanceUID
    stored = client.store_instances(datasets=sent)
    assert len(stored.ReferencedSOPSequence) == len(sent), stored
    found = client.search_for_studies(search_filters={"StudyInstanceUID": study})
    assert len(found) == 1 and found[0]["00201208"]["Value"] == [len(sent)], found
    series = client.search_for_series(study_instance_uid=study)
    assert len(series) == len({one.SeriesInstanceUID for one in sent}), series
    instances = client.search_for_instances(study_instance_uid=study)
    assert {one["00080018"]["Value"][0] for one in instances} == {one.SOPInstanceUID for one in sent}
    metadata = [pydicom.Dataset.from_json(one) for one in client.retrieve_study_metadata(study)]
    assert {one.SOPInstanceUID for one in metadata} == {one.SOPInstanceUID for one in sent}
    back = client.retrieve_study(study)
    assert len(back) == len(sent), len(back)
    for one in sent:
        same = next(other for other in back if other.SOPInstanceUID == one.SOPInstanceUID)
        assert same == one, one.SOPInstanceUID
        own = next(other for other in metadata if other.SOPInstanceUID == one.SOPInstanceUID)
        for element in one:
            if element.tag != 0x7FE00010 and element.tag != 0x00080005 and element.VR not in ("UN", "OB", "OW"):
                assert own[element.tag].VR == element.VR, element
    first = sent[0]
    frames = client.retrieve_instance_frames(study, first.SeriesInstanceUID, first.SOPInstanceUID, frame_numbers=[1])
    assert first.PixelData.startswith(frames[0]) and len(frames[0]) > 1
    print(f"clients.py: {len(sent)} instances stored, found, read and compared")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
