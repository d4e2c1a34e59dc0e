//! The network server against dcmtk's clients, a raw client and hostile bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};
use yiti_dicom::{
    attributes::Attributes,
    charset::PersonName,
    dataset::{File, Header, Limits, Tag},
    dimse::{Answers, Config, FindRefused, ReceivedInstance, Reject, Service, StoreRefused, serve},
    query::{StudyRootQuery, WorklistQuery},
};

/// Keeps what it gets; knows one calling and one called title.
#[derive(Default)]
struct Memory {
    kept: Mutex<Vec<ReceivedInstance>>,
    slow_find: bool,
}

impl Service for Memory {
    type Caller = String;

    async fn accept(&self, calling: &str, called: &str, _peer: SocketAddr) -> Result<String, Reject> {
        match (calling, called) {
            (_, "ARCHIVE") if calling == "STRANGER" => Err(Reject::CallingTitle),
            (calling, "ARCHIVE") => Ok(calling.to_owned()),
            _ => Err(Reject::CalledTitle),
        }
    }

    async fn store(&self, _caller: &String, instance: ReceivedInstance) -> Result<(), StoreRefused> {
        self.kept.lock().unwrap().push(instance);
        Ok(())
    }

    async fn find_worklist(&self, _caller: &String, query: WorklistQuery, answers: Answers) -> Result<(), FindRefused> {
        let items = [("P1", "Wang^XiaoDong=王^小东", "CT"), ("P2", "Zhang^San=张^三", "MR"), ("P3", "Doe^Jane", "CT")];
        let items = items.map(|(id, name, modality)| {
            Attributes::new()
                .text(Tag(0x0010, 0x0020), id)
                .name(Tag(0x0010, 0x0010), &PersonName::parse(name))
                .text(Tag(0x0008, 0x0050), format!("A{id}"))
                .text(Tag(0x0020, 0x000D), "2.25.7")
                .items(
                    Tag(0x0040, 0x0100),
                    vec![
                        Attributes::new()
                            .text(Tag(0x0008, 0x0060), modality)
                            .text(Tag(0x0040, 0x0001), "CT01")
                            .text(Tag(0x0040, 0x0002), "20260102")
                            .text(Tag(0x0040, 0x0003), "0830"),
                    ],
                )
        });
        answers.give(items.into_iter().filter(|item| item.matches(&query.keys)).collect()).await;
        Ok(())
    }

    async fn find(&self, _caller: &String, query: StudyRootQuery, answers: Answers) -> Result<(), FindRefused> {
        if self.slow_find {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        let study = |at: usize| {
            Attributes::new()
                .text(Tag(0x0008, 0x0020), "20260102")
                .text(Tag(0x0010, 0x0010), "Wang^XiaoDong=王^小东")
                .text(Tag(0x0010, 0x0020), format!("P{at}"))
                .text(Tag(0x0020, 0x000D), format!("2.25.{at}"))
                .number(Tag(0x0020, 0x1208), 300.0)
        };
        for page in 0..10 {
            let found = (page * 100..(page + 1) * 100).map(study).filter(|study| study.matches(&query.keys)).collect();
            if !answers.give(found).await {
                break;
            }
        }
        Ok(())
    }
}

/// Runs a test against a listening server, then stops it.
fn with_server<F: Future<Output = ()>>(
    memory: Memory,
    config: Config,
    test: impl FnOnce(SocketAddr, Arc<Memory>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let memory = Arc::new(memory);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, memory.clone(), config, async {
            stopped.await.ok();
        }));
        test(address, memory).await;
        stop.send(()).unwrap();
        timeout(Duration::from_secs(12), server).await.expect("the server stops").unwrap().unwrap();
    });
}

async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let path = Path::new("/usr/bin").join(program);
    assert!(path.exists(), "dcmtk's {program} is missing: apt-get install dcmtk");
    let mut command = Command::new(path);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

async fn echo(address: SocketAddr) -> (bool, String) {
    run("echoscu", &["-to", "5", "-aec", "ARCHIVE", "127.0.0.1", &address.port().to_string()]).await
}

#[test]
fn dcmtk_echoes_and_strangers_are_turned_away_with_the_reason() {
    with_server(Memory::default(), Config::default(), |address, _| async move {
        let port = address.port().to_string();
        let (ok, text) = echo(address).await;
        assert!(ok, "{text}");
        let (ok, text) = run("echoscu", &["-aec", "NOBODY", "127.0.0.1", &port]).await;
        assert!(!ok && text.contains("Called AE Title Not Recognized"), "{text}");
        let (ok, text) = run("echoscu", &["-aet", "STRANGER", "-aec", "ARCHIVE", "127.0.0.1", &port]).await;
        assert!(!ok && text.contains("Calling AE Title Not Recognized"), "{text}");
    });
}

fn flag_for(transfer_syntax: &str) -> Option<&'static str> {
    Some(match transfer_syntax {
        "1.2.840.10008.1.2" => "-xi",
        "1.2.840.10008.1.2.1" => "-xe",
        "1.2.840.10008.1.2.2" => "-xb",
        "1.2.840.10008.1.2.1.99" => "-xd",
        "1.2.840.10008.1.2.4.50" => "-xy",
        "1.2.840.10008.1.2.4.51" => "-xx",
        "1.2.840.10008.1.2.4.70" => "-xs",
        "1.2.840.10008.1.2.4.80" => "-xt",
        "1.2.840.10008.1.2.4.81" => "-xu",
        "1.2.840.10008.1.2.4.90" => "-xv",
        "1.2.840.10008.1.2.4.91" => "-xw",
        "1.2.840.10008.1.2.5" => "-xr",
        _ => return None,
    })
}

/// Samples of our own in `folder`, and the third-party files whose identifiers are complete, each with its header.
fn storable(folder: &Path) -> Vec<(PathBuf, Vec<u8>, Header)> {
    let mut paths = Vec::new();
    for (sample, at) in samples::dicom::every().into_iter().zip(10..) {
        let path = folder.join(format!("{at}.dcm"));
        fs::write(&path, sample.bytes).unwrap();
        paths.push(path);
    }
    if let Some(folder) = samples::field("data/dicom") {
        let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap();
        paths.extend(manifest.lines().skip(1).map(|line| folder.join(line.split(',').next().unwrap())));
    }
    let mut storable = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        let Ok(file) = File::read(&bytes, &Limits::default()) else { continue };
        let header = Header::of_file(&file);
        if header.identity(Some(&file.meta)).is_ok() && flag_for(&header.transfer_syntax_uid).is_some() {
            drop(file);
            storable.push((path, bytes, header));
        }
    }
    storable
}

/// Every leaf's tag and value; what dcmtk may recompute (group lengths, padding, sequence lengths) left out.
fn leaves(file: &File<'_>) -> Vec<(Tag, Vec<u8>)> {
    let data = &file.data;
    let skip = |tag: Tag| tag.1 == 0 || tag == Tag(0xFFFC, 0xFFFC) || tag == Tag(0x0008, 0x0001);
    let is_leaf = |e: &&yiti_dicom::dataset::Element| !e.has_children() && !skip(e.tag) && e.length > 0;
    let trim = |value: &[u8]| value.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |at| at + 1);
    let leaves = data.all().iter().filter(is_leaf).map(|e| (e.tag, data.value(e)[..trim(data.value(e))].to_vec()));
    leaves.filter(|(_, value)| !value.is_empty()).collect()
}

#[test]
fn dcmtk_stores_every_sample_file_it_can_send() {
    with_server(Memory::default(), Config::default(), |address, memory| async move {
        let port = address.port().to_string();
        let folder = tempfile::tempdir().unwrap();
        let files = storable(folder.path());
        let own = samples::dicom::every().len();
        assert!(files.len() == own || files.len() >= 95 + own, "{} files", files.len());
        let mut flags: Vec<&str> = files.iter().filter_map(|(_, _, h)| flag_for(&h.transfer_syntax_uid)).collect();
        flags.sort_unstable();
        flags.dedup();
        assert!(flags.len() == 6 || flags.len() == 11, "{flags:?}");
        for flag in flags {
            let group: Vec<_> =
                files.iter().filter(|(_, _, h)| flag_for(&h.transfer_syntax_uid) == Some(flag)).collect();
            let mut arguments = vec!["-to", "10", "-R", flag, "-aec", "ARCHIVE", "127.0.0.1", &port];
            arguments.extend(group.iter().map(|(path, _, _)| path.to_str().unwrap()));
            let before = memory.kept.lock().unwrap().len();
            let (ok, text) = run("storescu", &arguments).await;
            assert!(ok, "{flag}: {text}");
            let kept = memory.kept.lock().unwrap();
            let new = &kept[before..];
            assert_eq!(new.len(), group.len(), "{flag}: {text}");
            for (instance, (path, bytes, header)) in new.iter().zip(group) {
                let ours = File::read(&instance.file, &Limits::default()).unwrap();
                assert_eq!(ours.data_offset, instance.data_offset);
                let theirs = File::read(bytes, &Limits::default()).unwrap();
                assert_eq!(instance.header.sop_instance_uid, header.sop_instance_uid);
                assert_eq!(ours.meta.transfer_syntax_uid, theirs.meta.transfer_syntax_uid, "{}", path.display());
                let (ours, theirs) = (leaves(&ours), leaves(&theirs));
                let differs = ours.iter().zip(&theirs).find(|(a, b)| a != b).map(|(a, b)| (a.0, b.0));
                assert!(ours == theirs, "{}: {differs:?}, {} and {}", path.display(), ours.len(), theirs.len());
            }
        }
    });
}

/// A client of its own, so that sent bytes are known exactly.
struct Raw(TcpStream);

impl Raw {
    async fn associate(address: SocketAddr, class: &str, transfer_syntax: &str) -> Raw {
        Raw::associate_reading(address, class, transfer_syntax, 65536).await.0
    }

    /// As a peer that reads units up to `length_max`; says whether the context was accepted.
    async fn associate_reading(
        address: SocketAddr,
        class: &str,
        transfer_syntax: &str,
        length_max: u32,
    ) -> (Raw, bool) {
        let item = |kind: u8, content: &[u8]| [&[kind, 0][..], &(content.len() as u16).to_be_bytes(), content].concat();
        let mut body = [&[0, 1, 0, 0][..], b"ARCHIVE         MODALITY        ", &[0; 32]].concat();
        body.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
        let context =
            [&[1, 0, 0, 0][..], &item(0x30, class.as_bytes()), &item(0x40, transfer_syntax.as_bytes())].concat();
        body.extend(item(0x20, &context));
        body.extend(item(0x50, &item(0x51, &length_max.to_be_bytes())));
        let mut raw = Raw(TcpStream::connect(address).await.unwrap());
        raw.send(1, &body).await;
        let (kind, answer) = raw.receive().await;
        assert_eq!(kind, 2);
        let at = answer.windows(2).position(|pair| pair == [0x21, 0]).unwrap();
        (raw, answer[at + 6] == 0)
    }

    async fn send(&mut self, kind: u8, body: &[u8]) {
        let unit = [&[kind, 0][..], &(body.len() as u32).to_be_bytes(), body].concat();
        self.0.write_all(&unit).await.unwrap();
    }

    async fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 6];
        self.0.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize];
        self.0.read_exact(&mut body).await.unwrap();
        (head[0], body)
    }

    async fn value(&mut self, flags: u8, data: &[u8]) {
        let body = [&(data.len() as u32 + 2).to_be_bytes()[..], &[1, flags], data].concat();
        self.send(4, &body).await;
    }

    fn command(field: u16, class: &str, instance: &str, has_data: bool) -> Vec<u8> {
        let mut set = Vec::new();
        let mut put = |element: u16, value: &[u8]| {
            let padded = [value, &vec![0; value.len() % 2][..]].concat();
            set.extend([0, 0]);
            set.extend(element.to_le_bytes());
            set.extend((padded.len() as u32).to_le_bytes());
            set.extend(padded);
        };
        put(0x0002, class.as_bytes());
        put(0x0100, &field.to_le_bytes());
        put(0x0110, &7_u16.to_le_bytes());
        put(0x0120, &7_u16.to_le_bytes());
        put(0x0800, &(if has_data { 0_u16 } else { 0x0101 }).to_le_bytes());
        put(0x1000, instance.as_bytes());
        set
    }

    /// The status of the next response.
    async fn status(&mut self) -> u16 {
        let (kind, body) = self.receive().await;
        assert_eq!(kind, 4);
        let at = body.windows(8).position(|w| w == [0, 0, 0, 9, 2, 0, 0, 0]).unwrap();
        u16::from_le_bytes([body[at + 8], body[at + 9]])
    }
}

#[test]
fn what_is_stored_is_byte_for_byte_what_was_sent() {
    with_server(Memory::default(), Config::default(), |address, memory| async move {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes, header) in storable(folder.path()) {
            let offset = File::read(&bytes, &Limits::default()).unwrap().data_offset;
            let mut raw = Raw::associate(address, &header.sop_class_uid, &header.transfer_syntax_uid).await;
            let command = Raw::command(1, &header.sop_class_uid, &header.sop_instance_uid, true);
            raw.value(3, &command).await;
            let chunks: Vec<&[u8]> = bytes[offset..].chunks(5_001).collect();
            for (at, chunk) in chunks.iter().enumerate() {
                raw.value(if at + 1 == chunks.len() { 2 } else { 0 }, chunk).await;
            }
            assert_eq!(raw.status().await, 0, "{}", path.display());
            raw.send(5, &[0; 4]).await;
            assert_eq!(raw.receive().await.0, 6);
            let kept = memory.kept.lock().unwrap().pop().unwrap();
            assert_eq!(&kept.file[kept.data_offset..], &bytes[offset..], "{}", path.display());
        }
    });
}

#[test]
fn an_instance_that_is_not_what_was_announced_is_refused() {
    with_server(Memory::default(), Config::default(), |address, memory| async move {
        let folder = tempfile::tempdir().unwrap();
        let (_, bytes, header) = storable(folder.path()).swap_remove(0);
        let offset = File::read(&bytes, &Limits::default()).unwrap().data_offset;
        let mut raw = Raw::associate(address, &header.sop_class_uid, &header.transfer_syntax_uid).await;
        raw.value(3, &Raw::command(1, &header.sop_class_uid, "2.25.1", true)).await;
        raw.value(2, &bytes[offset..]).await;
        assert_eq!(raw.status().await, 0xA900);
        raw.value(3, &Raw::command(1, &header.sop_class_uid, &header.sop_instance_uid, true)).await;
        raw.value(2, &bytes[offset..bytes.len() - 100]).await;
        assert_eq!(raw.status().await, 0xC000);
        assert!(memory.kept.lock().unwrap().is_empty());
    });
}

#[test]
fn a_worklist_with_chinese_names_comes_back_in_the_asked_character_set() {
    with_server(Memory::default(), Config::default(), |address, _| async move {
        let port = address.port().to_string();
        for (charset, ideographic) in [
            ("", "王^小东".as_bytes().to_vec()),
            ("ISO_IR 192", "王^小东".as_bytes().to_vec()),
            ("GB18030", b"\xCD\xF5^\xD0\xA1\xB6\xAB".to_vec()),
            ("GBK", b"\xCD\xF5^\xD0\xA1\xB6\xAB".to_vec()),
            ("\\ISO 2022 IR 58", b"\x1b$)A\xCD\xF5^\x1b$)A\xD0\xA1\xB6\xAB".to_vec()),
            // Latin-1 has no Chinese: the answer says UTF-8 and is.
            ("ISO_IR 100", "王^小东".as_bytes().to_vec()),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().to_str().unwrap();
            let charset_key = format!("(0008,0005)={charset}");
            let mut arguments = vec!["-W", "-to", "5", "-aec", "ARCHIVE", "-X", "-od", out];
            if !charset.is_empty() {
                arguments.extend(["-k", &charset_key]);
            }
            arguments.extend(["-k", "(0010,0010)=W*", "-k", "(0010,0020)", "-k", "(0010,0040)", "-k"]);
            arguments.extend(["(0040,0100)[0].Modality=CT", "-k", "(0040,0100)[0].(0040,0002)=20260101-20260131"]);
            arguments.extend(["127.0.0.1", &port]);
            let (ok, text) = run("findscu", &arguments).await;
            assert!(ok, "{text}");
            let answers: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(answers.len(), 1, "{charset}: {text}");
            let bytes = fs::read(&answers[0]).unwrap();
            let file = File::read(&bytes, &Limits::default()).unwrap();
            let header = Header::of_file(&file);
            assert_eq!(header.patient_name.ideographic, "王^小东", "{charset}");
            let name = file.data.value(file.data.get(Tag(0x10, 0x10)).unwrap());
            assert!(name.windows(ideographic.len()).any(|part| part == ideographic), "{charset}");
            assert_eq!(header.patient_id, "P1");
            assert!(file.data.get(Tag(0x10, 0x40)).is_some_and(|sex| sex.length == 0), "asked but unknown");
            assert!(file.data.get(Tag(0x08, 0x50)).is_none(), "not asked");
            let step = file.data.get(Tag(0x40, 0x100)).unwrap();
            let item = file.data.children(step).next().unwrap();
            assert_eq!(file.data.trimmed(file.data.get_in(item, Tag(0x08, 0x60)).unwrap()), b"CT");
        }
    });
}

#[test]
fn a_study_query_is_answered_and_can_be_canceled() {
    with_server(Memory::default(), Config::default(), |address, _| async move {
        let port = address.port().to_string();
        let base = ["-S", "-to", "5", "-aec", "ARCHIVE", "127.0.0.1", &port, "-k", "(0010,0020)"];
        let study = [&base[..], &["-k", "(0008,0052)=STUDY", "-k", "(0008,0020)=20260101-"]].concat();
        let (ok, text) = run("findscu", &study).await;
        assert!(ok, "{text}");
        assert_eq!(text.matches("Find Response:").count(), 1000, "{text}");
        let (_, text) = run("findscu", &[&base[..], &["-v", "-k", "(0008,0052)=PATIENT"]].concat()).await;
        assert!(text.contains("A900") || text.contains("DataSetDoesNotMatch") || text.contains("not match"), "{text}");
    });
    let slow = Memory { slow_find: true, ..Memory::default() };
    with_server(slow, Config::default(), |address, _| async move {
        let class = "1.2.840.10008.5.1.4.1.2.2.1";
        let mut raw = Raw::associate(address, class, "1.2.840.10008.1.2").await;
        raw.value(3, &Raw::command(0x20, class, "", true)).await;
        raw.value(2, b"\x08\0\x52\0\x06\0\0\0STUDY ").await;
        raw.value(3, &Raw::command(0xFFF, class, "", false)).await;
        assert_eq!(timeout(Duration::from_secs(5), raw.status()).await.unwrap(), 0xFE00);
    });
}

#[test]
fn hostile_units_leave_the_server_alive() {
    let config = Config { artim: Duration::from_millis(800), idle: Duration::from_millis(1500), ..Config::default() };
    with_server(Memory::default(), config, |address, memory| async move {
        let Some(folder) = samples::field("data/bad-inputs") else { return };
        let text = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        let rows: Vec<_> = rows.iter().filter(|row| row[5] == "dimse").collect();
        assert_eq!(rows.len(), 19);
        for row in rows {
            let bytes =
                if row[0].ends_with(".json") { b"\x01".to_vec() } else { fs::read(folder.join(row[0])).unwrap() };
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut answer = Vec::new();
            let talk = async {
                stream.write_all(&bytes).await.ok();
                stream.read_to_end(&mut answer).await.ok();
            };
            timeout(Duration::from_secs(4), talk).await.unwrap_or_else(|_| panic!("{}: not closed", row[0]));
            match row[0] {
                "dimse/control-echo.bin" => {
                    assert_eq!(answer[0], 2, "accepted");
                    assert!(answer.windows(10).any(|w| w == [0, 0, 0, 9, 2, 0, 0, 0, 0, 0]), "success");
                    assert!(answer.ends_with(&[6, 0, 0, 0, 0, 4, 0, 0, 0, 0]), "released");
                }
                "dimse/ae-title-a.bin" => assert_eq!(answer, [3, 0, 0, 0, 0, 4, 0, 1, 1, 7]),
                "dimse/first-pdu-wrong-a.bin" | "dimse/unknown-pdu-a.bin" | "dimse/length-4g-a.bin" => {
                    assert_eq!(answer[0], 7, "{}: aborted", row[0]);
                }
                "dimse/store-uid-differs-a.bin" => {
                    assert!(answer.windows(10).any(|w| w == [0, 0, 0, 9, 2, 0, 0, 0, 0, 0xA9]), "0xA900");
                }
                "dimse/find-empty-identifier-a.bin" => {
                    assert!(answer.windows(10).any(|w| w == [0, 0, 0, 9, 2, 0, 0, 0, 0, 0xA9]), "0xA900");
                }
                _ => {}
            }
            if row[8] == "reject" {
                assert!(memory.kept.lock().unwrap().is_empty(), "{}", row[0]);
            }
        }
        let (ok, text) = echo(address).await;
        assert!(ok, "{text}");
    });
}

#[test]
fn a_request_whose_lengths_lie_is_aborted_at_once() {
    with_server(Memory::default(), Config::default(), |address, _| async move {
        let item = |kind: u8, length: u16, content: &[u8]| [&[kind, 0][..], &length.to_be_bytes(), content].concat();
        let length_max = item(0x51, 4, &65536_u32.to_be_bytes());
        let identity = |name_length: u16| [&[2, 1][..], &name_length.to_be_bytes(), b"user", &[0, 1, b'x']].concat();
        let request = |further: &[u8]| {
            let user = [&length_max[..], further].concat();
            let mut body = [&[0, 1, 0, 0][..], b"ARCHIVE         MODALITY        ", &[0; 32]].concat();
            body.extend(item(0x10, 21, b"1.2.840.10008.3.1.1.1"));
            let context = [item(0x30, 17, b"1.2.840.10008.1.1"), item(0x40, 17, b"1.2.840.10008.1.2")].concat();
            body.extend(item(0x20, context.len() as u16 + 4, &[&[1, 0, 0, 0][..], &context].concat()));
            body.extend(item(0x50, user.len() as u16, &user));
            body
        };
        let whole = item(0x58, 11, &identity(4));
        let cases = [
            ("an identity that is whole is passed over", 2, whole.clone()),
            ("a name longer than its item", 7, item(0x58, 11, &identity(65_000))),
            ("a name shorter than what stands there", 7, item(0x58, 11, &identity(2))),
            ("an item longer than the request", 7, item(0x58, 65_000, &identity(4))),
            ("an item that is cut off", 7, whole[..3].to_vec()),
        ];
        for (what, answer, further) in cases {
            let mut raw = Raw(TcpStream::connect(address).await.unwrap());
            raw.send(1, &request(&further)).await;
            let (kind, _) = timeout(Duration::from_secs(2), raw.receive()).await.expect(what);
            assert_eq!(kind, answer, "{what}");
        }
    });
}

#[test]
fn silent_peers_are_closed_and_too_many_are_told_so() {
    let config = Config { association_count_max: 4, artim: Duration::from_secs(2), ..Config::default() };
    with_server(Memory::default(), config, |address, _| async move {
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (ok, text) = echo(address).await;
        assert!(!ok && text.contains("Local Limit Exceeded"), "{text}");
        for mut stream in silent {
            let mut rest = Vec::new();
            timeout(Duration::from_secs(4), stream.read_to_end(&mut rest)).await.expect("closed").unwrap();
        }
        let (ok, text) = echo(address).await;
        assert!(ok, "{text}");
    });
}

#[test]
fn a_peer_is_never_sent_a_longer_unit_than_it_reads() {
    with_server(Memory::default(), Config::default(), |address, _| async move {
        let class = "1.2.840.10008.5.1.4.1.2.2.1";
        for length_max in [32, 128, 500, 4096] {
            let (mut raw, _) = Raw::associate_reading(address, class, "1.2.840.10008.1.2", length_max).await;
            raw.value(3, &Raw::command(0x20, class, "", true)).await;
            let keys = b"\x08\0\x52\0\x06\0\0\0STUDY \x10\0\x10\0\0\0\0\0\x10\0\x20\0\x04\0\0\0P77*";
            raw.value(2, keys).await;
            let (mut messages, mut data, mut longest) = (0, Vec::new(), 0);
            // Eleven answers of a command and a data set each, and the last command.
            while messages < 23 {
                let (kind, body) = raw.receive().await;
                assert_eq!(kind, 4);
                longest = longest.max(body.len() as u32);
                messages += usize::from(body[5] & 2 != 0);
                data.extend_from_slice(&body[6..]);
            }
            assert!(longest <= length_max, "{longest} of {length_max}");
            let names = data.windows(10).filter(|part| part == b"Wang^XiaoD").count();
            assert_eq!(names, 11);
            raw.send(5, &[0; 4]).await;
            assert_eq!(raw.receive().await.0, 6);
        }
    });
}

#[test]
fn what_devices_write_against_the_standard_is_kept_and_said() {
    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    with_server(Memory::default(), Config::default(), |address, memory| async move {
        let plain = |class: &str, number: u32| {
            samples::dicom::Pixels::grey(8, 8, 8).plain(samples::dicom::DataSet::instance(class, "CT", 3, number))
        };
        let blank = |vr: &str| {
            plain(CT, 3).text((0x0008, 0x1030), vr, "CHEST").text((0x0010, 0x0020), vr, "P1").text(
                (0x0018, 0x0015),
                vr,
                "",
            )
        };
        for (set, oddities) in [
            (plain(CT, 1), vec![]),
            (
                plain(CT, 1).text((0x0020, 0x000D), "UI", "1.2.004.5").text((0x0008, 0x0018), "UI", "1.02.3"),
                vec!["uid"],
            ),
            (blank("  "), vec!["blank_vr"]),
            (blank("\0\0"), vec!["blank_vr"]),
            (blank("??"), vec!["blank_vr"]),
            (plain("1.2.840.113619.4.30", 4), vec!["private_class"]),
            (plain("1.2.840.10008.5.1.4.1.1.999.7", 5), vec!["unknown_class"]),
        ] {
            for transfer_syntax in ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"] {
                let bytes = set.encoded(transfer_syntax);
                let class = header_of(&set.file(transfer_syntax)).sop_class_uid;
                let instance = header_of(&set.file(transfer_syntax)).sop_instance_uid;
                let (mut raw, is_accepted) = Raw::associate_reading(address, &class, transfer_syntax, 65536).await;
                assert!(is_accepted, "{class}");
                raw.value(3, &Raw::command(1, &class, &instance, true)).await;
                raw.value(2, &bytes).await;
                assert_eq!(raw.status().await, 0, "{oddities:?} {transfer_syntax}");
                let kept = memory.kept.lock().unwrap().pop().unwrap();
                assert_eq!(kept.header.oddities, oddities);
                assert_eq!(&kept.file[kept.data_offset..], bytes, "kept as sent");
                let read = File::read(&kept.file, &Limits::default()).unwrap();
                assert!(!read.mislabelled);
                let header = Header::of_file(&read);
                if oddities == ["blank_vr"] {
                    assert_eq!((header.study_description.as_str(), header.patient_id.as_str()), ("CHEST", "P1"));
                }
                assert_eq!((header.rows, header.patient_name.ideographic.as_str()), (Some(8), "测试^患者"));
            }
        }
        // Services that are none of ours are no storage.
        for class in ["1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.1.20.1", "1.2.840.10008.3.1.2.3.3"] {
            assert!(!Raw::associate_reading(address, class, "1.2.840.10008.1.2", 65536).await.1, "{class}");
        }
    });
}

fn header_of(file: &[u8]) -> Header {
    Header::of_file(&File::read(file, &Limits::default()).unwrap())
}
